-- The relay protocol: ask, store once, let many read (lib/relay/PROTOCOL.md).
--
-- Commands and notifications have ports of their own; a transfer's port is learned from the answer to SEND
-- and from OPEN.

local relay = Proto("relay", "relay protocol")

local COMMAND_PORT, NOTIFICATION_PORT = 1100, 1101
local MAX_LINE = 4096

relay.prefs.ports = Pref.range("TCP ports", COMMAND_PORT .. "-" .. NOTIFICATION_PORT, "Where servers listen", 65535)

local fields = {
  message = ProtoField.string("relay.message", "Line"),
  by = ProtoField.string("relay.by", "Said by"),
  code = ProtoField.uint32("relay.code", "Code"),
  user = ProtoField.string("relay.user", "User"),
  key = ProtoField.string("relay.key", "Key"),
  file = ProtoField.string("relay.file", "File"),
  size = ProtoField.string("relay.size", "Size in bytes"),
  count = ProtoField.uint32("relay.count", "Names that follow"),
  name = ProtoField.string("relay.name", "Name"),
  port = ProtoField.uint32("relay.port", "Port of the transfer"),
  offset = ProtoField.string("relay.offset", "Offset"),
  content = ProtoField.bytes("relay.content", "Bytes of the file"),
  position = ProtoField.uint64("relay.position", "Position in the file"),
  reply_in = ProtoField.framenum("relay.reply_in", "Answered in", base.NONE, frametype.RESPONSE),
  reply_to = ProtoField.framenum("relay.reply_to", "Answer to", base.NONE, frametype.REQUEST),
  reply_time = ProtoField.relative_time("relay.reply_time", "Time since then"),
}
local experts = {
  refused = ProtoExpert.new("relay.refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.NOTE),
  unknown = ProtoExpert.new("relay.unknown", "No line of this protocol", expert.group.UNDECODED, expert.severity.NOTE),
}
local all_fields, all_experts = {}, {}
for _, field in pairs(fields) do all_fields[#all_fields + 1] = field end
for _, one in pairs(experts) do all_experts[#all_experts + 1] = one end
relay.fields, relay.experts = all_fields, all_experts

local REFUSALS = {
  [201] = true, [202] = true, [203] = true, [401] = true, [403] = true, [404] = true, [405] = true,
  [501] = true, [502] = true, [601] = true, [602] = true, [900] = true,
}

local tcp_stream = Field.new("tcp.stream")
local streams, kept, data_ports

function relay.init()
  streams, kept, data_ports = {}, {}, {}
end

local function whole(text)
  if not text or #text > 15 or not text:match("^%d+$") then return 0 end
  return tonumber(text)
end

local function learn_port(address, text)
  local port = whole(text)
  if port < 1 or port > 65535 then return nil end
  data_ports[address .. " " .. port] = true
  DissectorTable.get("tcp.port"):add(port, relay)
  return port
end

-- The first answer that a question can have links to it.
local function ask(stream, message)
  stream.asked[#stream.asked + 1] = message
end

local function answer(stream, message)
  local request = table.remove(stream.asked, 1)
  if request then request.reply, message.request = message.frame, request end
end

-- Names stand in lines of their own behind their number.
local function read_listed(stream, side, text)
  local listed = side.listed
  listed.left = listed.left - 1
  if listed.left > 0 or not listed.has_port then
    if listed.left == 0 then side.listed = nil end
    return { info = text, name = text }
  end
  side.listed = nil
  return { info = "through port " .. text, port = learn_port(stream.server, text) }
end

local function read_client(stream, side, text)
  if side.listed then return read_listed(stream, side, text) end
  local verb, user, key, rest = text:match("^(%u+) (%S+) (%S+) ?(.*)$")
  if verb == "WRITE" or verb == "READ" then
    stream.data = { writes = verb == "WRITE", offset = whole(rest:match("^%d+")) }
    return { info = verb == "WRITE" and user .. " writes" or string.format("%s reads from %d on", user, stream.data.offset), user = user, key = key, asks = true }
  end
  if text == "LIST" then return { info = "who is there?", asks = true } end
  local file, size, count = text:match('^SEND "?(.-)"? (%d+) (%d+)$')
  if file then
    if whole(count) > 0 then side.listed = { left = whole(count) } end
    return { info = string.format("offers %s (%s bytes) to %s", file, size, count), file = file, size = size, count = whole(count), asks = true }
  end
  if text:match("^40[01]") then
    return { info = text:match("^400") and "wants it" or "does not want it", code = whole(text:sub(1, 3)), answers = true }
  end
  if text == "OK" and stream.data then return { info = "has everything" } end
  user, key = text:match("^(%S+) (%S+)")
  if user and not stream.user then
    stream.user = user
    return { info = "logs in as " .. user, user = user, key = key, asks = true }
  end
  return { info = text, unknown = true }
end

local function read_server(stream, side, text)
  if side.listed then return read_listed(stream, side, text) end
  if text == "WELCOME" then return { info = "welcome" } end
  local sender, rest = text:match("^RCFR (%S+) ?(.*)$")
  if sender then
    local file, size = rest:match('^"(.*)" (%d+)$')
    return { info = string.format("%s offers %s", sender, file or "a file"), user = sender, file = file, size = size, asks = true }
  end
  local who, file, port = text:match('^OPEN (%S+) "(.*)" (%d+)$')
  if who then
    return { info = string.format("%s of %s is on port %s", file, who, port), user = who, file = file, port = learn_port(stream.server, port) }
  end
  local code = text:match("^(%d%d%d)")
  if not code then return { info = text, unknown = true } end
  local message = { info = text, code = whole(code), answers = true }
  if code == "300" or code == "402" then
    message.count = whole(text:match("^%d+ (%d+)"))
    local lines = message.count + (code == "402" and 1 or 0)
    if lines > 0 then side.listed = { left = lines, has_port = code == "402" } end
  elseif (code == "500" or code == "600") and stream.data then
    message.file = text:match('"(.*)"')
    local number = text:match('" (%d+)$')
    stream.data.file = message.file
    if stream.data.writes then stream.data.offset = whole(number) end
    stream.data.position, stream.data.open = stream.data.offset, true
    if number then message[stream.data.writes and "offset" or "size"] = number end
  end
  return message
end

local function learn(stream, side, text, pinfo)
  local message = (side.is_server and read_server or read_client)(stream, side, text)
  message.frame, message.raw = pinfo.number, text
  message.time = NSTime.new(math.floor(pinfo.abs_ts), math.floor(pinfo.abs_ts % 1 * 1e9 + 0.5))
  message.by = side.is_server and "server" or stream.user or "client"
  if message.asks then ask(stream, message) elseif message.answers then answer(stream, message) end
  return message
end

-- Whether what this side says now are the bytes of the file.
local function carries_file(stream, side)
  local data = stream.data
  return data ~= nil and data.open and data.writes ~= side.is_server
end

local function read_bytes(stream, side, raw, pinfo)
  local result, at = { items = {} }, 0
  while at < #raw do
    if carries_file(stream, side) then
      local count = #raw - at
      result.items[#result.items + 1] = { start = at, length = count, position = stream.data.position, file = stream.data.file }
      stream.data.position, at = stream.data.position + count, #raw
    else
      local stop = raw:find("\n", at + 1, true)
      if not stop then
        if #raw - at <= MAX_LINE then result.rest = at
        else result.items[#result.items + 1] = { start = at, length = #raw - at, info = "no line", unknown = true } end
        break
      end
      local text = raw:sub(at + 1, stop - 1):gsub("\r$", "")
      local message = learn(stream, side, text, pinfo)
      message.start, message.length = at, stop - at
      result.items[#result.items + 1] = message
      at = stop
    end
  end
  return result
end

local function show(message, buffer, tree)
  local range = buffer(message.start, message.length)
  if message.position then
    local words = string.format("bytes of %s from %d on", message.file or "?", message.position)
    local item = tree:add(relay, range, "relay: " .. words)
    item:add(fields.content, range)
    item:add(fields.position, UInt64(math.floor(message.position % 2 ^ 32), math.floor(message.position / 2 ^ 32))):set_generated()
    return words
  end
  local item = tree:add(relay, range, "relay: " .. message.info)
  if message.raw then item:add(fields.message, range, message.raw) end
  if message.by then item:add(fields.by, message.by):set_generated() end
  for _, key in ipairs({ "code", "user", "key", "file", "size", "count", "name", "port", "offset" }) do
    if message[key] then item:add(fields[key], range, message[key]) end
  end
  if message.reply then item:add(fields.reply_in, message.reply):set_generated() end
  if message.request then
    item:add(fields.reply_to, message.request.frame):set_generated()
    item:add(fields.reply_time, message.time - message.request.time):set_generated()
  end
  if message.code and REFUSALS[message.code] then item:add_proto_expert_info(experts.refused) end
  if message.unknown then item:add_proto_expert_info(experts.unknown) end
  return message.info
end

local function new_stream(pinfo, raw)
  local ours = pinfo.src_port == COMMAND_PORT or pinfo.src_port == NOTIFICATION_PORT
  local by_server = ours or raw:match("^WELCOME") ~= nil or data_ports[tostring(pinfo.src) .. " " .. pinfo.src_port] ~= nil
  return {
    asked = {}, sides = {},
    server = tostring(by_server and pinfo.src or pinfo.dst),
    server_port = by_server and pinfo.src_port or pinfo.dst_port,
  }
end

function relay.dissector(buffer, pinfo, tree)
  local id, raw = tcp_stream().value, buffer:raw()
  local stream = streams[id] or new_stream(pinfo, raw)
  streams[id] = stream
  local is_server = pinfo.src_port == stream.server_port and tostring(pinfo.src) == stream.server
  local side = stream.sides[is_server] or { is_server = is_server }
  stream.sides[is_server] = side
  local key = pinfo.number .. " " .. #raw
  local result = kept[key] or read_bytes(stream, side, raw, pinfo)
  -- What is not whole comes again, with what follows.
  if not result.rest or #result.items > 0 then kept[key] = result end
  pinfo.cols.protocol = "relay"
  local words = {}
  for _, message in ipairs(result.items) do words[#words + 1] = show(message, buffer, tree) end
  if #words > 0 then
    pinfo.cols.info = (is_server and "server" or stream.user or "client") .. ": " .. table.concat(words, " / ")
  end
  if result.rest then pinfo.desegment_offset, pinfo.desegment_len = result.rest, DESEGMENT_ONE_MORE_SEGMENT end
  return buffer:len()
end

DissectorTable.get("tcp.port"):add(COMMAND_PORT .. "-" .. NOTIFICATION_PORT, relay)

local ports = relay.prefs.ports
function relay.prefs_changed()
  if ports == relay.prefs.ports then return end
  DissectorTable.get("tcp.port"):remove(ports, relay)
  ports = relay.prefs.ports
  DissectorTable.get("tcp.port"):add(ports, relay)
end

-- Servers on other ports are told by their first word, transfers by that of the client.
relay:register_heuristic("tcp", function(buffer, pinfo, tree)
  local start = buffer:raw(0, math.min(buffer:len(), 160))
  local is_ours = start:match("^WELCOME\r?\n") or start:match("^WRITE %S+ %S+[^\n]*\n") or start:match("^READ %S+ %S+[^\n]*\n")
  if not is_ours then return false end
  pinfo.conversation = relay
  relay.dissector(buffer, pinfo, tree)
  return true
end)
