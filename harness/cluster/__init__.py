"""A run on many hosts: a Dask cluster, to whose workers rounds are dealt.

The only room that imports Dask (``distributed``), which is optional: nothing here is imported in a
run without a cluster.
"""
