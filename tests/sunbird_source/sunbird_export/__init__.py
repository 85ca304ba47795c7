"""A small Sunbird in every form of export, and what an import must make of it; everybody in it is invented."""
