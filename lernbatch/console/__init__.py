"""The console: pages for administrators, mentors, learners and operators. They call the rooms' actions."""
