"""The WMS: reached by staging tables in SQL."""
