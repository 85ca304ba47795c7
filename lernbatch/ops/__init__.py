"""Operations: what operators, load balancers and monitoring ask of a running service."""
