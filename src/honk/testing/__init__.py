"""What tests of Honk, and of what is built on it, may use: fakes that behave, and a scripted model."""
