-- The sent protocol: peers on one network ask, send, and check a hash (lib/sent/PROTOCOL.md).

local json = dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "json.lua")
local sent = Proto("sent", "sent protocol")

local TCP_PORT, UDP_PORT = "8080", 8081
local UDP = 3

sent.prefs.ports = Pref.range("TCP ports", TCP_PORT, "Where peers are asked", 65535)

local by_path = {}
local function text(path, name, words)
  by_path[path] = ProtoField.string("sent." .. name, words)
end
text("type", "type", "Type")
text("user.name", "user.name", "Who")
text("user.ip", "user.ip", "Address, in his own words")
text("sender.name", "sender.name", "Sender")
text("sender.ip", "sender.ip", "Address of the sender")
text("receiver.name", "receiver.name", "Receiver")
text("receiver.ip", "receiver.ip", "Address of the receiver")
text("receivers.name", "receivers.name", "Asked")
text("receivers.ip", "receivers.ip", "Address of one who is asked")
text("file.name", "file.name", "File")
text("file.size", "file.size", "Size in bytes")
text("file.type", "file.type", "Media type")
text("file.hash", "file.hash", "MD5")
text("file.sha256", "file.sha256", "SHA-256")
text("offset", "offset", "Offset")
text("time", "time", "Local time")
text("reason", "reason", "Reason")

local fields = json.link_fields("sent")
local experts = {
  failed = ProtoExpert.new("sent.failed", "The transfer has failed", expert.group.RESPONSE_CODE, expert.severity.WARN),
  refused = ProtoExpert.new("sent.refused", "Not wanted", expert.group.RESPONSE_CODE, expert.severity.NOTE),
  unknown = ProtoExpert.new("sent.unknown", "No message of this protocol", expert.group.UNDECODED, expert.severity.NOTE),
  lie = ProtoExpert.new("sent.other_address", "The address is not that of the datagram", expert.group.SECURITY, expert.severity.NOTE),
}
sent.fields, sent.experts = json.values(by_path, fields), json.values(experts)

local tcp_stream = Field.new("tcp.stream")
local streams, kept

function sent.init()
  streams, kept = {}, {}
end

local WORDS = { JOIN = "is here", PING = "is here, too", LEAVE = "leaves" }
local ANSWERS = { ACCEPT = "ASK", REFUSE = "ASK", DENY = "ASK", RECEIVED = "FILE", FAILED = "FILE" }

local function describe(values)
  local file = values["file.name"] or "?"
  if values.type == "ASK" then return string.format("%s offers %s (%s bytes)", values["sender.name"] or "?", file, values["file.size"] or "?") end
  if values.type == "ACCEPT" then return (values["receiver.name"] or "?") .. " wants " .. file end
  if values.type == "REFUSE" or values.type == "DENY" then return (values["receiver.name"] or "?") .. " does not want " .. file end
  if values.type == "FILE" then return string.format("%s follows, from %s on", file, values.offset or "0") end
  if values.type == "RECEIVED" then return file .. " is there, and is what was offered" end
  if values.type == "FAILED" then return string.format("%s has failed: %s", file, values.reason or "?") end
end

local function learn(stream, object, frame, time)
  local values = object.values
  local message = { info = describe(values), frame = frame, time = time, kind = values.type }
  if not message.info then return { info = "no message of this protocol", unknown = true, frame = frame, time = time } end
  if values.type == "FILE" then
    message.position = json.whole(values.offset)
    message.bytes = math.max(0, json.whole(values["file.size"]) - message.position)
    message.file = values["file.name"]
  end
  local request = stream.last[ANSWERS[values.type] or ""]
  if request and not request.reply then
    request.reply, message.request = frame, request
  end
  stream.last[values.type] = message
  return message
end

local shown = {
  proto = sent, fields = fields, by_path = by_path, unknown = experts.unknown,
  experts = { FAILED = experts.failed, REFUSE = experts.refused, DENY = experts.refused },
}

local function dissect_tcp(buffer, pinfo, tree)
  local id = tcp_stream().value
  -- That port is used by web servers, too.
  local stream = streams[id] or { last = {}, sides = {}, is_other = not buffer:raw():match("^%s*{") }
  streams[id] = stream
  if stream.is_other then return Dissector.get("http"):call(buffer, pinfo, tree) end
  return json.dissect(shown, stream, kept, buffer, pinfo, tree, function(_, object)
    return learn(stream, object, pinfo.number, json.time(pinfo))
  end)
end

local function dissect_udp(buffer, pinfo, tree)
  local object = json.read(buffer:raw(), 0)
  if not object or not WORDS[object.values.type or ""] then return 0 end
  local values = object.values
  local info = string.format("%s %s", values["user.name"] or "?", WORDS[values.type])
  local item = tree:add(sent, buffer(), "sent: " .. info)
  json.show(item, object, buffer, by_path)
  local said = values["user.ip"] or ""
  if said ~= "" and said ~= tostring(pinfo.src) then item:add_proto_expert_info(experts.lie) end
  pinfo.cols.protocol = "sent"
  pinfo.cols.info = info
  return buffer:len()
end

function sent.dissector(buffer, pinfo, tree)
  if pinfo.port_type == UDP then return dissect_udp(buffer, pinfo, tree) end
  return dissect_tcp(buffer, pinfo, tree)
end

DissectorTable.get("tcp.port"):add(TCP_PORT, sent)
DissectorTable.get("udp.port"):add(UDP_PORT, sent)

local ports = TCP_PORT
function sent.prefs_changed()
  if ports == sent.prefs.ports then return end
  DissectorTable.get("tcp.port"):remove(ports, sent)
  ports = sent.prefs.ports
  DissectorTable.get("tcp.port"):add(ports, sent)
end

-- Peers on other ports.
local function is_ours(buffer, types)
  local kind = buffer:raw(0, math.min(buffer:len(), 24)):match('^%s*{%s*"type"%s*:%s*"(%u+)"')
  return kind ~= nil and types[kind] ~= nil
end
sent:register_heuristic("tcp", function(buffer, pinfo, tree)
  if not is_ours(buffer, { ASK = true, ACCEPT = true, REFUSE = true }) then return false end
  pinfo.conversation = sent
  dissect_tcp(buffer, pinfo, tree)
  return true
end)
sent:register_heuristic("udp", function(buffer, pinfo, tree)
  return is_ours(buffer, WORDS) and dissect_udp(buffer, pinfo, tree) > 0
end)
