"""Posterior draws by adaptive importance sampling, with their diagnostics."""
