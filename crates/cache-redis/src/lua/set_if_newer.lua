-- Keeps an entry unless what is there is as new, and tells the other processes what that outdates.
-- KEYS: entry, its lease. ARGV: entry, time to live in ms, when the caller said so in ms since 1970, channel, message.
-- Answers 1 kept, 0 not newer, 2 too late: the call has lain around for longer than the value may be kept.
local new, ttl = ARGV[1], tonumber(ARGV[2])
local _, high, low, state = struct.unpack('>BI4I4B', new)
local value = state == 1

if value then
  -- A frozen server finds calls from before it froze; they must not live longer for that.
  local time = redis.call('TIME')
  local late = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[3])
  if late > 0 then ttl = ttl - late end
end
redis.call('DEL', KEYS[2])
if ttl <= 0 then return 2 end

local present = redis.call('GETRANGE', KEYS[1], 0, 9)
local kept, replaced = 1, false
if present ~= '' then
  if #present == 10 and string.byte(present) == 1 then
    -- Two halves, for a Lua number holds 53 bits.
    local _, there_high, there_low, there_state = struct.unpack('>BI4I4B', present)
    local newer = high > there_high
      or (high == there_high and (low > there_low or (low == there_low and state > there_state)))
    if not newer then kept = 0 end
    replaced = there_state == 1
  elseif value then
    -- Of another release: it runs out by itself, or something buries it.
    kept = 0
  end
end

if kept == 1 then redis.call('SET', KEYS[1], new, 'PX', ttl) end
-- What buries is always told, for its value may have come before it; a value where it takes an older one's place.
if not value or (kept == 1 and replaced) then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
return kept
