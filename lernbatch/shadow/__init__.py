"""Both services side by side: the old one answers, ours is asked too, and the answers are compared.

A reverse proxy forwards every call and hands a copy of it to a process beside it (proxy). That process asks the
candidate, compares (compare, known) and writes a journal; the report and the replay read it.
"""
