"""Vendors behind the ports; none knows another."""
