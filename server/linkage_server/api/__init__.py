"""The gRPC face of the service: translate, call one function, translate back."""
