"""The sandbox's own migrations, in order; the product's tables are none of its business."""
