"""Drawing certificates: SVG templates from outside, filled safely, in the scripts of India, as SVG, PNG and PDF."""
