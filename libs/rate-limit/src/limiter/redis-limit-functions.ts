/** Functions of the script (see redis-limit-script.ts). `get` and `put` are `struct.unpack` and `struct.pack`. */

export const LOG_FUNCTIONS = `
local function stamp_at(log, index)
  return (get('<d', log, index * 8 - 7))
end

-- How many of a sorted log are not later than a time.
local function count_until(log, time)
  local low, high = 0, #log / 8
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if stamp_at(log, middle) <= time then low = middle else high = middle - 1 end
  end
  return low
end

-- A log without what has left it. Where the clock was set back, what stands later than anything can is moved to the latest.
local function current(log, gone_until, latest, changed)
  local n, kept = #log / 8, count_until(log, latest)
  if kept < n then log = log:sub(1, kept * 8) .. put('<d', latest):rep(n - kept) end
  return log:sub(count_until(log, gone_until) * 8 + 1), changed or kept < n
end`;

export const PART_FUNCTIONS = `
local function is_counter(id)
  return id:sub(1, 1) == 'c'
end

-- What each window holds, by its id, in a string that any configuration has written. An error for anything else.
local function parts_of(value)
  local parts, from = {}, 1
  while from <= #value do
    local line = value:find('\\n', from, true)
    local counters, logs, sizes = {}, {}, {}
    for id in value:sub(from, line - 1):gmatch('%S+') do
      assert(id:find('^%l+:%d+$'))
      local kind = is_counter(id) and counters or logs
      kind[#kind + 1] = id
    end
    from = line + 1
    for _, id in ipairs(counters) do
      parts[id], from = value:sub(from, from + 15), from + 16
    end
    for i in ipairs(logs) do
      sizes[i], from = get('<I4', value, from)
      assert(sizes[i] % 8 == 0)
    end
    for i, id in ipairs(logs) do
      parts[id], from = value:sub(from, from + sizes[i] - 1), from + sizes[i]
    end
  end
  assert(from == #value + 1)
  return parts
end

-- The parts of others, each a block, as long as they hold anything, and how long the string must live for them.
local function rest_of(parts, now, ttl)
  local blocks, longest = {}, tonumber(ttl)
  for id, part in pairs(parts) do
    local duration, left = tonumber(id:match('%d+')) * 1000, 0
    if is_counter(id) then
      left = get('<d', part) - now
    elseif #part > 0 then
      left = stamp_at(part, #part / 8) + duration - now
    end
    if left > 0 then
      blocks[#blocks + 1] = id .. '\\n' .. (is_counter(id) and '' or put('<I4', #part)) .. part
      -- Of a clock that was set back: no longer than it can be.
      longest = math.max(longest, math.ceil(math.min(left, duration * 1.05) / 1000) + 1)
    end
  end
  return table.concat(blocks), tostring(longest)
end`;

export const LEASE_FUNCTIONS = `
local function cell_end(at, cell)
  return math.floor(at / cell) * cell + cell
end

-- A log with more units of one time, in their place.
local function with(log, time, units)
  local at = count_until(log, time) * 8
  return log:sub(1, at) .. put('<d', time):rep(min(units, 10000)) .. log:sub(at + 1)
end

-- A log in which the units of a lease, which stand at one time, stand where they were used: \`uses\` are units and the time of the last of
-- them, in turn. Those that were not used are gone. Of a log that was lost since, they would be those of another lease: so the request must
-- still be there that it was granted with, unless it has left the window.
local function settled(log, granted, gone_until, stood, unused, uses, changed)
  if granted > gone_until and count_until(log, granted) == count_until(log, granted - 1) then return log, changed end
  local before, last = count_until(log, stood - 1), count_until(log, stood)
  local there = unused
  for i = 1, #uses, 2 do there = there + uses[i] end
  there = min(there, last - before)
  if there <= 0 then return log, changed end
  log = log:sub(1, before * 8) .. log:sub((before + there) * 8 + 1)
  for i = 1, #uses, 2 do
    log = with(log, min(uses[i + 1], stood), min(uses[i], there))
    there = there - min(uses[i], there)
  end
  return log, true
end`;
