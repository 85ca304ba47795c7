"""Who is signed in in a browser: sessions, their forms, and the provider where people sign in."""
