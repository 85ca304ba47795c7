"""What is said to people in their own language: words, numbers, days, rules and standings."""
