-- Sessions that are over are removed when somebody signs in: found by when they ended, however
-- many there are.
create index sessions_over on control.sessions (expires_at);
