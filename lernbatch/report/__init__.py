"""The datasets: what columns each has, and how a row of the database becomes rows of the report.

Source: contract jobs §5.6 to §5.8 and §6. The contract's columns come first, in its order; ours follow.
"""
