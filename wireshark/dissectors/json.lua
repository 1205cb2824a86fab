-- What the protocols that speak JSON share (sent, lanshare): objects in a stream of bytes, with the place of
-- each value, and files between them. They load it by themselves; alone it does nothing.

local MAX_DEPTH = 32
-- Longer ones are no objects of these protocols.
local MAX_OBJECT = 131072
local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64) end
  return string.char(0xe0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

local function unescape(text)
  text = text:gsub("\\u(%x%x%x%x)", function(hex) return utf8_of(tonumber(hex, 16)) end)
  return (text:gsub("\\(.)", function(char) return ESCAPES[char] or char end))
end

local read_value

local function skip(raw, at)
  return raw:find("[^ \t\r\n]", at) or #raw + 1
end

-- The end of the string that begins at `at`; nil when it is not here.
local function end_of_string(raw, at)
  local from = at + 1
  while true do
    local quote = raw:find('["\\]', from)
    if not quote then return nil end
    if raw:byte(quote) == 0x22 then return quote end
    from = quote + 2
  end
end

local function read_members(raw, at, path, found, depth, close)
  at = skip(raw, at + 1)
  if raw:sub(at, at) == close then return at + 1 end
  while true do
    local inner = path
    if close == "}" then
      if raw:sub(at, at) ~= '"' then return nil, at > #raw and "more" or "bad" end
      local stop = end_of_string(raw, at)
      if not stop then return nil, "more" end
      local key = unescape(raw:sub(at + 1, stop - 1))
      inner = path == "" and key or path .. "." .. key
      at = skip(raw, stop + 1)
      if raw:sub(at, at) ~= ":" then return nil, at > #raw and "more" or "bad" end
      at = skip(raw, at + 1)
    end
    local problem
    at, problem = read_value(raw, at, inner, found, depth + 1)
    if not at then return nil, problem end
    at = skip(raw, at)
    local char = raw:sub(at, at)
    if char == close then return at + 1 end
    if char ~= "," then return nil, at > #raw and "more" or "bad" end
    at = skip(raw, at + 1)
  end
end

function read_value(raw, at, path, found, depth)
  if depth > MAX_DEPTH then return nil, "bad" end
  local char = raw:sub(at, at)
  if char == "" then return nil, "more" end
  if char == "{" then return read_members(raw, at, path, found, depth, "}") end
  if char == "[" then return read_members(raw, at, path, found, depth, "]") end
  local stop, value
  if char == '"' then
    stop = end_of_string(raw, at)
    if not stop then return nil, "more" end
    value = unescape(raw:sub(at + 1, stop - 1))
  else
    local word = raw:match("^[%w%.%+%-]+", at)
    if not word then return nil, "bad" end
    stop, value = at + #word - 1, word
  end
  found[#found + 1] = { path = path, value = value, start = at - 1, length = stop - at + 1 }
  return stop + 1
end

local json = {}

-- The values of the object at `offset` of `raw` with their paths and places, and where it ends with an
-- optional line end behind it; nil and "more" when it is not whole, nil and "bad" when there is none.
function json.read(raw, offset)
  local at = skip(raw, offset + 1)
  if at > #raw then return nil, "more" end
  if raw:sub(at, at) ~= "{" then return nil, "bad" end
  local found = {}
  local stop, problem = read_value(raw, at, "", found, 0)
  if not stop then return nil, problem end
  local line_end = raw:match("^\r?\n", stop) or ""
  local values = {}
  for _, one in ipairs(found) do values[one.path] = values[one.path] or one.value end
  return { values = values, found = found, start = at - 1, stop = stop - 1 }, stop - 1 + #line_end
end

function json.time(pinfo)
  return NSTime.new(math.floor(pinfo.abs_ts), math.floor(pinfo.abs_ts % 1 * 1e9 + 0.5))
end

-- The number that a peer has written; 0 when it is none, or not a sensible one.
function json.whole(text)
  if not text or #text > 15 or not text:match("^%d+$") then return 0 end
  return tonumber(text)
end

function json.uint64(number)
  return UInt64(math.floor(number % 2 ^ 32), math.floor(number / 2 ^ 32))
end

-- Adds the values that have a field of their own.
function json.show(item, object, buffer, fields)
  for _, one in ipairs(object.found) do
    local field = fields[one.path]
    if field then item:add(field, buffer(one.start, one.length), one.value) end
  end
end

-- Objects, and the bytes of files, of one direction of a connection. `learn(object)` says what an object
-- is: `info`, and `bytes` when so many bytes of a file follow, from `position` on. The result for a frame is
-- kept, so that it is the same however often it is looked at.
local function read_stream(side, kept, key, raw, learn)
  if kept[key] then return kept[key] end
  local result = { items = {} }
  local at = 0
  while at < #raw do
    if side.left and side.left > 0 then
      local count = math.min(side.left, #raw - at)
      result.items[#result.items + 1] = { start = at, length = count, position = side.position, file = side.file }
      side.left, side.position, at = side.left - count, side.position + count, at + count
    else
      local object, stop = json.read(raw, at)
      if not object then
        if stop == "more" and #raw - at > MAX_OBJECT then stop = "bad" end
        if stop == "more" and raw:find("%S", at + 1) then result.rest = at end
        if stop == "bad" then result.items[#result.items + 1] = { start = at, length = #raw - at, bad = true } end
        break
      end
      local message = learn(object)
      message.object, message.start, message.length = object, at, stop - at
      result.items[#result.items + 1] = message
      if message.bytes then side.left, side.position, side.file = message.bytes, message.position, message.file end
      at = stop
    end
  end
  -- What is not whole comes again, with what follows.
  if not result.rest or #result.items > 0 then kept[key] = result end
  return result
end

-- The fields by which requests and answers link to each other.
function json.link_fields(name)
  return {
    bytes = ProtoField.bytes(name .. ".bytes", "Bytes of the file"),
    position = ProtoField.uint64(name .. ".position", "Position in the file"),
    reply_in = ProtoField.framenum(name .. ".reply_in", "Answered in", base.NONE, frametype.RESPONSE),
    reply_to = ProtoField.framenum(name .. ".reply_to", "Answer to", base.NONE, frametype.REQUEST),
    reply_time = ProtoField.relative_time(name .. ".reply_time", "Time since then"),
  }
end

-- Adds a message or bytes of a file; returns what it is, in words. `one` has `proto`, `fields`, `by_path`,
-- `unknown` (an expert info), and `experts`: those of a kind of message.
local function show(one, message, buffer, tree)
  local range, fields = buffer(message.start, message.length), one.fields
  if not message.object and message.position then
    local words = string.format("bytes of %s from %d on", message.file or "?", message.position)
    local item = tree:add(one.proto, range, one.proto.name:lower() .. ": " .. words)
    item:add(fields.bytes, range)
    item:add(fields.position, json.uint64(message.position)):set_generated()
    return words
  end
  local words = message.info or "no object"
  local item = tree:add(one.proto, range, one.proto.name:lower() .. ": " .. words)
  if message.bad or message.unknown then item:add_proto_expert_info(one.unknown) end
  if message.object then json.show(item, message.object, buffer, one.by_path) end
  if message.reply then item:add(fields.reply_in, message.reply):set_generated() end
  if message.request then
    item:add(fields.reply_to, message.request.frame):set_generated()
    item:add(fields.reply_time, message.time - message.request.time):set_generated()
  end
  local expert_info = one.experts[message.kind or ""]
  if expert_info then item:add_proto_expert_info(expert_info) end
  return words
end

-- Dissects what one side of `stream` says now. `learn(side, object)` says what an object is.
function json.dissect(one, stream, kept, buffer, pinfo, tree, learn)
  local name = tostring(pinfo.src) .. " " .. pinfo.src_port
  local side = stream.sides[name] or {}
  stream.sides[name] = side
  local key = pinfo.number .. " " .. buffer:len()
  local result = read_stream(side, kept, key, buffer:raw(), function(object) return learn(side, object) end)
  pinfo.cols.protocol = one.proto.name:lower()
  local words = {}
  for _, message in ipairs(result.items) do words[#words + 1] = show(one, message, buffer, tree) end
  if #words > 0 then pinfo.cols.info = table.concat(words, " / ") end
  if result.rest then pinfo.desegment_offset, pinfo.desegment_len = result.rest, DESEGMENT_ONE_MORE_SEGMENT end
  return buffer:len()
end

-- The fields and the expert infos of a protocol, of several lists.
function json.values(...)
  local all = {}
  for _, list in ipairs({ ... }) do
    for _, value in pairs(list) do all[#all + 1] = value end
  end
  return all
end

return json
