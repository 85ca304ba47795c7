"""What the platform's topics say: heard, kept, done once and in order; what cannot be done is parked and replayed."""
