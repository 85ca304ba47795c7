"""Operation: is it well, what is stuck, what can be pressed. No person is named here."""
