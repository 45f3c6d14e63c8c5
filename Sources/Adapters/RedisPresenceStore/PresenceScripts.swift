import RedisClient

/// Changes of one identity's hash. ARGV: endpoint, session, now, and what each needs. 0 unchanged, 1 changed, 2 stale, 3 absent.
enum PresenceScripts {
  /// The endpoint as stored, false where it is absent or has lapsed; and how the key outlives its last endpoint by half a minute, so that a clock that is behind still
  /// reads what is live for it.
  private static let look = """
    local key = KEYS[1]
    local old = redis.call('HGET', key, ARGV[1])
    if old and string.sub(old, 1, 19) <= ARGV[3] then old = false end
    local session = old and string.sub(old, 21, 39)
    local function write(record)
      redis.call('HSET', key, ARGV[1], ARGV[4] .. ':' .. ARGV[2] .. ':' .. record)
      local lives = tonumber(ARGV[4]) - tonumber(ARGV[3]) + 30000
      if redis.call('PTTL', key) < lives then redis.call('PEXPIRE', key, lives) end
    end

    """

  /// Further ARGV: expiry, record. What has lapsed is dropped on the way.
  static let register = RedisScript(
    look + """
      if old and session > ARGV[2] then return 2 end
      local all = redis.call('HGETALL', key)
      for at = 1, #all, 2 do
        if string.sub(all[at + 1], 1, 19) <= ARGV[3] then redis.call('HDEL', key, all[at]) end
      end
      write(ARGV[5])
      if old and session == ARGV[2] and string.sub(old, 41) == ARGV[5] then return 0 end
      return 1
      """)

  /// Further ARGV: expiry.
  static let refresh = RedisScript(
    look + """
      if not old or session < ARGV[2] then return 3 end
      if session > ARGV[2] then return 2 end
      write(string.sub(old, 41))
      return 0
      """)

  static let unregister = RedisScript(
    look + """
      if not old or session < ARGV[2] then return 3 end
      if session > ARGV[2] then return 2 end
      redis.call('HDEL', key, ARGV[1])
      return 1
      """)
}
