import RedisClient

/// What happens to a scope happens in one of these, at one instant. KEYS are the scope's documents `d`, list entries `l` and state `m`.
///
/// `m` holds: mark; filling (the token of a refill under way) and next (its next chunk); newest (the highest token seen); documents and entries (how many there should be
/// in `d` and `l`: keys that were deleted or dropped underneath are noticed by them).
enum Scripts {
  /// The scope as it stands: mark (empty: none), token of a refill or false, whether nothing is missing, and both counts.
  private static let look = """
    local d, l, m = KEYS[1], KEYS[2], KEYS[3]
    local f = redis.call('HMGET', m, 'mark', 'filling', 'documents', 'entries', 'newest', 'next')
    local mark, filling = f[1] or '', f[2]
    local documents, entries = tonumber(f[3] or '0'), tonumber(f[4] or '0')
    local whole = redis.call('HLEN', d) == documents and redis.call('ZCARD', l) == entries

    """

  /// Writes documents (an empty value: deletes) and moves them in their lists; old values tell where they stood. From ARGV[3] fields and values in turn, each field
  /// once. A call of a command from a script costs more than what the command does, so there is one for many documents.
  private static let write = """
    local function all(command, key, words)
      local sum = 0
      for at = 1, #words, 1000 do sum = sum + redis.call(command, key, unpack(words, at, math.min(at + 999, #words))) end
      return sum
    end
    local function places(value)
      return string.sub(value, 3, 2 + 25 * (string.byte(value, 1) * 256 + string.byte(value, 2)))
    end
    local function write(first, last)
      local fields = {}
      for at = first, last, 2 do fields[#fields + 1] = ARGV[at] end
      local olds = redis.call('HMGET', d, unpack(fields))
      local sets, gone, leave, enter = {}, {}, {}, {}
      for n, field in ipairs(fields) do
        local value, old = ARGV[first + 2 * n - 1], olds[n]
        local before, after = '', ''
        if old then before = places(old) end
        if value ~= '' then
          after = places(value)
          sets[#sets + 1] = field
          sets[#sets + 1] = value
          if not old then documents = documents + 1 end
        elseif old then
          gone[#gone + 1] = field
        end
        if before ~= after then
          local kind, id = string.sub(field, 1, 1), string.sub(field, 2)
          for at = 1, #before, 25 do leave[#leave + 1] = kind .. string.sub(before, at, at + 24) .. id end
          for at = 1, #after, 25 do
            enter[#enter + 1] = 0
            enter[#enter + 1] = kind .. string.sub(after, at, at + 24) .. id
          end
        end
      end
      all('HSET', d, sets)
      documents = documents - all('HDEL', d, gone)
      entries = entries - all('ZREM', l, leave) + all('ZADD', l, enter)
    end
    local function writeAll()
      for at = 3, #ARGV, 1000 do write(at, math.min(at + 999, #ARGV)) end
    end

    """

  /// ARGV: previous mark, mark, then fields and values in turn. 0 applied, 1 newer, 2 gap.
  static let apply = RedisScript(
    look + write + """
      if filling or not whole then return 2 end
      if mark > ARGV[1] then return 1 end
      if mark < ARGV[1] then return 2 end
      writeAll()
      redis.call('HSET', m, 'mark', ARGV[2], 'documents', documents, 'entries', entries)
      return 0
      """)

  /// ARGV: token, expected mark. 0 done, 1 not needed, 2 refused.
  static let begin = RedisScript(
    look + """
      if not filling and whole and mark >= ARGV[2] then return 1 end
      if f[5] and ARGV[1] < f[5] then return 2 end
      redis.call('UNLINK', d, l)
      redis.call('HDEL', m, 'mark')
      redis.call('HSET', m, 'newest', ARGV[1], 'filling', ARGV[1], 'next', 0, 'documents', 0, 'entries', 0)
      return 0
      """)

  /// ARGV: token, number, then fields and values in turn. 0 done, 2 refused.
  static let chunk = RedisScript(
    look + write + """
      if filling ~= ARGV[1] or f[6] ~= ARGV[2] or not whole then return 2 end
      writeAll()
      redis.call('HSET', m, 'next', tonumber(ARGV[2]) + 1, 'documents', documents, 'entries', entries)
      return 0
      """)

  /// ARGV: token, chunks, mark. 0 done, 2 refused.
  static let end = RedisScript(
    look + """
      if filling ~= ARGV[1] or f[6] ~= ARGV[2] or not whole then return 2 end
      redis.call('HDEL', m, 'filling', 'next')
      if ARGV[3] ~= '' then redis.call('HSET', m, 'mark', ARGV[3]) end
      return 0
      """)

  /// KEYS: those of several scopes in turn. One mark each, empty where there is none to rely on.
  static let marks = RedisScript(
    """
    local marks = {}
    for at = 1, #KEYS, 3 do
      local f = redis.call('HMGET', KEYS[at + 2], 'mark', 'filling', 'documents', 'entries')
      local whole = redis.call('HLEN', KEYS[at]) == tonumber(f[3] or '0') and redis.call('ZCARD', KEYS[at + 1]) == tonumber(f[4] or '0')
      marks[#marks + 1] = (whole and not f[2] and f[1]) or ''
    end
    return marks
    """)

  /// How reads answer: 0 not now, 1 as is, with the mark and what follows it, 2 no mark.
  private static let answer = """
    if filling or not whole then return {0} end
    local out = {mark == '' and 2 or 1, mark}
    local function read(fields)
      for at = 1, #fields, 1000 do
        local values = redis.call('HMGET', d, unpack(fields, at, math.min(at + 999, #fields)))
        for place = 1, #values do out[#out + 1] = values[place] end
      end
    end

    """

  /// ARGV: fields. Their values follow the mark, nil where absent.
  static let get = RedisScript(
    look + answer + """
      read(ARGV)
      return out
      """)

  /// ARGV: 'up' or 'down', the lower and the upper bound, the limit. The values follow the mark, and their fields them as one array.
  static let list = RedisScript(
    look + answer + """
      local members
      if ARGV[1] == 'up' then
        members = redis.call('ZRANGEBYLEX', l, ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
      else
        members = redis.call('ZREVRANGEBYLEX', l, ARGV[3], ARGV[2], 'LIMIT', 0, ARGV[4])
      end
      local fields = {}
      for place, member in ipairs(members) do fields[place] = string.sub(member, 1, 1) .. string.sub(member, 27) end
      read(fields)
      for place = 1, #fields do
        -- An entry without its document: something was taken away underneath, and something else put there.
        if not out[place + 2] then return {0} end
      end
      out[#out + 1] = fields
      return out
      """)

  /// KEYS: complete, witness. ARGV: the witness expected (empty: none), server, token. 0 the witness is gone, 1 done, 2 a later owner has said it.
  static let setComplete = RedisScript(
    """
    if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
    local old = redis.call('GET', KEYS[1])
    if old and string.sub(old, 1, #ARGV[2]) == ARGV[2] and string.sub(old, #ARGV[2] + 1) > ARGV[3] then return 2 end
    redis.call('SET', KEYS[1], ARGV[2] .. ARGV[3])
    return 1
    """)
}
