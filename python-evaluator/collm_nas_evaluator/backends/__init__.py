"""The sources of costs and scores, one file a family of networks. Knows nothing of how they are asked."""
