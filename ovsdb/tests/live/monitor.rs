//! Replicas that follow the server.
