"""What tests of every service build on: fakes that implement the ports, and faults to inject."""
