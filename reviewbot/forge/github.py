"""GitHub: pull requests with review comments. The only user of PyGithub."""

from __future__ import annotations

# One question for all of a pull request; its price is about 3 points of the hourly 1,000 or 5,000.
LOOK = """
query Look($owner: String!, $name: String!, $number: Int!, $threads: String, $notes: String) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      number url title state isDraft
      author { login }
      labels(first: 100) { nodes { name } }
      baseRefName baseRefOid headRefOid
      headRepository { nameWithOwner }
      reviewThreads(first: 100, after: $threads) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved viewerCanResolve
          resolvedBy { login }
          opening: comments(first: 1) {
            nodes {
              databaseId body url createdAt viewerDidAuthor
              author { login }
              reactions(content: THUMBS_DOWN, first: 20) { nodes { user { login } } }
            }
          }
          answers: comments(first: 50) {
            nodes { databaseId body url createdAt viewerDidAuthor author { login } }
          }
        }
      }
      comments(first: 100, after: $notes) {
        pageInfo { hasNextPage endCursor }
        nodes { databaseId body url createdAt viewerDidAuthor author { login } }
      }
    }
  }
}
"""
