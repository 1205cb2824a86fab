-- The lanshare protocol: engines on one network, between each other (lib/lanshare/PROTOCOL.md).

local json = dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "json.lua")
local lanshare = Proto("lanshare", "lanshare protocol")

local TCP_PORT, UDP_PORT, DATA_PORTS = "9999", 9998, "9972-9996"
local UDP = 3

lanshare.prefs.ports = Pref.range("TCP ports", TCP_PORT, "Where engines take requests and messages", 65535)

local by_path = {}
local function text(path, words)
  by_path[path] = ProtoField.string("lanshare." .. path, words)
end
text("stat", "What it is")
text("username", "User")
text("person", "User")
text("ip", "Address, in his own words")
text("dir", "Path at the sender")
text("fileName", "File")
text("fileType", "Kind of file")
text("fileSize", "Size in bytes")
text("contentType", "Kind of content")
text("destination", "Folder at the receiver")
text("port", "Port for the file")
text("content", "Text")
text("sha256", "SHA-256")
text("offset", "Offset")
text("reason", "Reason")

local fields = json.link_fields("lanshare")
local experts = {
  failed = ProtoExpert.new("lanshare.failed", "The transfer has failed", expert.group.RESPONSE_CODE, expert.severity.WARN),
  rejected = ProtoExpert.new("lanshare.rejected", "Not wanted", expert.group.RESPONSE_CODE, expert.severity.NOTE),
  unknown = ProtoExpert.new("lanshare.unknown", "No object of this protocol", expert.group.UNDECODED, expert.severity.NOTE),
}
lanshare.fields, lanshare.experts = json.values(by_path, fields), json.values(experts)

local tcp_stream = Field.new("tcp.stream")
local streams, kept, requests, data_ports

function lanshare.init()
  streams, kept, requests, data_ports = {}, {}, {}, {}
end

local PRESENCE = { online = "is here", offline = "leaves" }

local function describe(values)
  local who, file, stat = values.username or values.person or "?", values.fileName or "?", values.stat
  if stat == "rreq" then return string.format("%s offers %s (%s bytes)", who, file, values.fileSize or "?") end
  if stat == "racp" then return string.format("%s wants %s, on port %s", who, file, values.port or "?") end
  if stat == "rrej" then return string.format("%s does not want %s", who, file) end
  if stat == "rmsg" then return who .. " writes" end
  if stat == "offset" then return "from " .. (values.offset or "?") .. " on" end
  if stat == "done" then return "the file is there, and is what was offered" end
  if stat == "failed" then return "the transfer has failed: " .. (values.reason or "?") end
  if stat == nil and values.fileName then return string.format("%s follows (%s bytes)", file, values.fileSize or "?") end
end

local function learn(stream, side, object, pinfo)
  local values = object.values
  local frame, time = pinfo.number, json.time(pinfo)
  local message = { info = describe(values), frame = frame, time = time, kind = values.stat }
  if not message.info then
    message.info, message.unknown = "no object of this protocol", true
    return message
  end
  local request
  if values.stat == "rreq" then
    requests[tostring(pinfo.src) .. " " .. tostring(pinfo.dst) .. " " .. (values.dir or "")] = message
  elseif values.stat == "racp" or values.stat == "rrej" then
    request = requests[tostring(pinfo.dst) .. " " .. tostring(pinfo.src) .. " " .. (values.dir or "")]
    local port = json.whole(values.port)
    if values.stat == "racp" and port >= 1 and port <= 65535 then
      data_ports[tostring(pinfo.src) .. " " .. port] = true
      DissectorTable.get("tcp.port"):add(port, lanshare)
    end
  elseif values.stat == nil then
    stream.header, stream.sender, stream.size, stream.file = message, side, json.whole(values.fileSize), values.fileName
  elseif values.stat == "offset" and stream.sender then
    -- The bytes follow on the other side.
    local offset = json.whole(values.offset)
    stream.sender.left, stream.sender.position, stream.sender.file = math.max(0, stream.size - offset), offset, stream.file
    request = stream.header
  end
  if request and not request.reply then
    request.reply, message.request = frame, request
  end
  return message
end

local shown = {
  proto = lanshare, fields = fields, by_path = by_path, unknown = experts.unknown,
  experts = { failed = experts.failed, rrej = experts.rejected },
}

local function dissect_tcp(buffer, pinfo, tree)
  local id = tcp_stream().value
  local stream = streams[id] or { sides = {} }
  streams[id] = stream
  return json.dissect(shown, stream, kept, buffer, pinfo, tree, function(side, object)
    return learn(stream, side, object, pinfo)
  end)
end

local function dissect_udp(buffer, pinfo, tree)
  local object = json.read(buffer:raw(), 0)
  if not object or not PRESENCE[object.values.stat or ""] then return 0 end
  local info = string.format("%s %s", object.values.username or "?", PRESENCE[object.values.stat])
  local item = tree:add(lanshare, buffer(), "lanshare: " .. info)
  json.show(item, object, buffer, by_path)
  pinfo.cols.protocol = "lanshare"
  pinfo.cols.info = info
  return buffer:len()
end

function lanshare.dissector(buffer, pinfo, tree)
  if pinfo.port_type == UDP then return dissect_udp(buffer, pinfo, tree) end
  return dissect_tcp(buffer, pinfo, tree)
end

DissectorTable.get("tcp.port"):add(TCP_PORT, lanshare)
DissectorTable.get("tcp.port"):add(DATA_PORTS, lanshare)
DissectorTable.get("udp.port"):add(UDP_PORT, lanshare)

local ports = TCP_PORT
function lanshare.prefs_changed()
  if ports == lanshare.prefs.ports then return end
  DissectorTable.get("tcp.port"):remove(ports, lanshare)
  ports = lanshare.prefs.ports
  DissectorTable.get("tcp.port"):add(ports, lanshare)
end

-- Engines on other ports.
local function is_ours(buffer, stats)
  local stat = buffer:raw(0, math.min(buffer:len(), 24)):match('^%s*{%s*"stat"%s*:%s*"(%l+)"')
  return stat ~= nil and stats[stat] ~= nil
end
lanshare:register_heuristic("tcp", function(buffer, pinfo, tree)
  if not is_ours(buffer, { rreq = true, racp = true, rrej = true, rmsg = true }) then return false end
  pinfo.conversation = lanshare
  dissect_tcp(buffer, pinfo, tree)
  return true
end)
lanshare:register_heuristic("udp", function(buffer, pinfo, tree)
  return is_ours(buffer, PRESENCE) and dissect_udp(buffer, pinfo, tree) > 0
end)
