"""A stand-in for the portal's player, where there is no portal: while anybody may choose who they are."""
