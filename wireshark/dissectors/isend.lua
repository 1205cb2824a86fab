-- The isend protocol: files, folders and messages over one TCP connection (lib/isend/PROTOCOL.md).

local isend = Proto("isend", "isend protocol")

local DEFAULT_PORT = "7770"
local HEADER = 6
local CODE_BYTES = 39
local UDP = 3

local REQUESTS = {
  [0] = "connect", [1] = "connect with password", [10] = "a file begins", [11] = "piece of the file",
  [12] = "the file ends", [13] = "go on", [20] = "a folder begins", [21] = "the folder ends",
  [30] = "message", [100] = "the end", [255] = "the end",
}
local REPLIES = {
  [101] = "established", [102] = "connection refused", [103] = "connection failed", [110] = "confirmed",
  [111] = "refused", [112] = "failed", [120] = "skip this file", [121] = "skip this folder",
}
local OPCODES = {}
for _, list in ipairs({ REQUESTS, REPLIES }) do
  for code, words in pairs(list) do OPCODES[code] = words end
end
-- Contents of requests: the most bytes; without an entry there is none.
local MOST_BYTES = { [1] = 256, [10] = 256, [11] = 65535, [13] = 8, [20] = 256, [30] = 256 }
local MOST_TEXT = 256
local BAD = { [102] = true, [103] = true, [111] = true, [112] = true }
local TEXTS = { [1] = "password", [10] = "name", [20] = "name", [30] = "text" }

isend.prefs.ports = Pref.range("TCP ports", DEFAULT_PORT, "Where receivers listen", 65535)

local fields = {
  id = ProtoField.uint16("isend.id", "Request"),
  opcode = ProtoField.uint8("isend.opcode", "Operation code", base.DEC, OPCODES),
  has_content = ProtoField.uint8("isend.has_content", "Has content"),
  length = ProtoField.uint16("isend.length", "Bytes of content"),
  name = ProtoField.string("isend.name", "Name"),
  password = ProtoField.string("isend.password", "Password"),
  text = ProtoField.string("isend.text", "Text"),
  offset = ProtoField.uint64("isend.offset", "Offset in the file"),
  content = ProtoField.bytes("isend.content", "Bytes of the file"),
  file = ProtoField.string("isend.file", "File"),
  position = ProtoField.uint64("isend.position", "Position in the file"),
  ready_in = ProtoField.framenum("isend.ready_in", "Receiver ready in", base.NONE, frametype.RESPONSE),
  reply_in = ProtoField.framenum("isend.reply_in", "Answered in", base.NONE, frametype.RESPONSE),
  reply_to = ProtoField.framenum("isend.reply_to", "Answer to", base.NONE, frametype.REQUEST),
  reply_time = ProtoField.relative_time("isend.reply_time", "Time since then"),
  kind = ProtoField.uint8("isend.code.kind", "Kind", base.DEC, { [1] = "question", [2] = "answer" }),
  port = ProtoField.uint16("isend.code.port", "TCP port of the receiver"),
  nonce = ProtoField.bytes("isend.code.nonce", "Number made by chance"),
  mac = ProtoField.bytes("isend.code.mac", "Proof that the code is known"),
}
local experts = {
  refused = ProtoExpert.new("isend.refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.WARN),
  skipped = ProtoExpert.new("isend.skipped", "Not wanted", expert.group.RESPONSE_CODE, expert.severity.NOTE),
  unknown = ProtoExpert.new("isend.unknown", "No code of this protocol, or not of this side", expert.group.PROTOCOL, expert.severity.ERROR),
  bad_flag = ProtoExpert.new("isend.bad_flag", "The flag is neither 0 nor 1", expert.group.PROTOCOL, expert.severity.ERROR),
  bad_length = ProtoExpert.new("isend.bad_length", "The length contradicts the flag, or what is said", expert.group.PROTOCOL, expert.severity.ERROR),
  unasked = ProtoExpert.new("isend.unasked", "An answer that nobody waits for", expert.group.SEQUENCE, expert.severity.WARN),
}

local function values(list)
  local all = {}
  for _, one in pairs(list) do all[#all + 1] = one end
  return all
end
isend.fields, isend.experts = values(fields), values(experts)

local tcp_stream = Field.new("tcp.stream")

-- What is known; made anew for each file that is opened.
local streams, known

function isend.init()
  streams, known = {}, {}
end

local function time_of(pinfo)
  return NSTime.new(math.floor(pinfo.abs_ts), math.floor(pinfo.abs_ts % 1 * 1e9 + 0.5))
end

-- A request, as part of its conversation.
local function learn_request(stream, code, length, content)
  local one = { length = length }
  if code == 10 and length > 0 then
    stream.file, stream.position = content():string(ENC_UTF_8), 0
  elseif code == 20 and length > 0 then
    one.name = content():string(ENC_UTF_8)
  elseif code == 13 and length == 8 then
    stream.position = content():uint64():tonumber()
  end
  if code >= 10 and code <= 13 then one.file, one.position = stream.file, stream.position end
  if code == 11 then stream.position = (stream.position or 0) + length end
  if code == 12 then stream.file = nil end
  stream.waiting[#stream.waiting + 1] = one
  return one
end

-- What has content is answered twice: when the receiver is ready for it, and when it is there.
local function learn_reply(stream, frame)
  local request = stream.waiting[1]
  if not request then return { unasked = true } end
  local one = { request = request, file = request.file }
  if request.length > 0 and not request.ready then
    request.ready, one.is_ready = frame, true
  else
    request.reply = frame
    table.remove(stream.waiting, 1)
  end
  return one
end

local function describe(code, by_sender, one)
  local words = (by_sender and REQUESTS[code] or code == 255 and "the end" or REPLIES[code]) or ("code " .. code)
  if by_sender and code == 20 and one.name then return words .. ": " .. one.name end
  if by_sender and (code == 10 or code == 11) and one.file then
    return string.format("%s: %s%s", words, one.file, code == 11 and string.format(" from %d on", one.position or 0) or "")
  end
  if one.is_ready and code == 110 then return "ready for the content" end
  return words
end

-- Whether it is a fault: whoever reads it closes the connection.
local function check(item, code, flag, length, by_sender)
  local is_known = by_sender and REQUESTS[code] or not by_sender and (REPLIES[code] or code == 255)
  local most = by_sender and (MOST_BYTES[code] or 0) or MOST_TEXT
  local fault
  if not is_known then
    fault = experts.unknown
  elseif flag > 1 then
    fault = experts.bad_flag
  elseif (flag == 1) ~= (length > 0) or length > most or (by_sender and most > 0 and length == 0)
    or (by_sender and code == 13 and length ~= 8) then
    fault = experts.bad_length
  end
  if fault then item:add_proto_expert_info(fault) end
  return fault ~= nil
end

local function show(one, code, by_sender, buffer, item, time)
  local length = buffer:len() - HEADER
  if length > 0 then
    local content = buffer(HEADER)
    if not by_sender then item:add(fields.text, content, content:string(ENC_UTF_8))
    elseif TEXTS[code] then item:add(fields[TEXTS[code]], content, content:string(ENC_UTF_8))
    elseif code == 13 and length == 8 then item:add(fields.offset, content)
    else item:add(fields.content, content) end
  end
  if one.file then item:add(fields.file, one.file):set_generated() end
  if code == 11 and by_sender and one.position then item:add(fields.position, UInt64(math.floor(one.position % 2^32), math.floor(one.position / 2^32))):set_generated() end
  if one.ready then item:add(fields.ready_in, one.ready):set_generated() end
  if one.reply then item:add(fields.reply_in, one.reply):set_generated() end
  if one.request then
    item:add(fields.reply_to, one.request.frame):set_generated()
    item:add(fields.reply_time, time - one.request.time):set_generated()
  end
  if not by_sender then
    if BAD[code] then item:add_proto_expert_info(experts.refused) end
    if code == 120 or code == 121 then item:add_proto_expert_info(experts.skipped) end
    if one.unasked then item:add_proto_expert_info(experts.unasked) end
  end
end

local function instruction_length(buffer, _, offset)
  return HEADER + buffer(offset + 4, 2):uint()
end

-- A frame that brings the end of one instruction and others behind it is looked at twice.
local function show_words(side, words, pinfo)
  local before = tostring(pinfo.cols.info)
  pinfo.cols.info:clear_fence()
  pinfo.cols.info = before:sub(1, #side) == side and before .. " / " .. words or side .. words
end

local function dissect_tcp(buffer, pinfo, tree)
  local id = tcp_stream().value
  local stream = streams[id]
  if not stream then
    -- The sender has the first word.
    stream = { sender_port = pinfo.src_port, sender = tostring(pinfo.src), waiting = {}, fault = {} }
    if buffer:len() > 2 and REPLIES[buffer(2, 1):uint()] then
      stream.sender_port, stream.sender = pinfo.dst_port, tostring(pinfo.dst)
    end
    streams[id] = stream
  end
  local by_sender = pinfo.src_port == stream.sender_port and tostring(pinfo.src) == stream.sender
  local words, seen, is_over = {}, {}, false
  local side = by_sender and "sender" or "receiver"
  local fault = stream.fault[side]
  if fault and pinfo.number > fault then return 0 end
  pinfo.cols.protocol = "isend"
  dissect_tcp_pdus(buffer, tree, HEADER, instruction_length, function(pdu)
    -- What follows a fault is nothing.
    if is_over then return pdu:len() end
    local code, flag, length = pdu(2, 1):uint(), pdu(3, 1):uint(), pdu(4, 2):uint()
    -- The same instruction may come twice in one frame.
    local head = pinfo.number .. " " .. tostring(pdu(0, HEADER):bytes())
    seen[head] = (seen[head] or 0) + 1
    local key = head .. " " .. seen[head]
    local one = known[key]
    local time = time_of(pinfo)
    if not one then
      one = by_sender and learn_request(stream, code, length, function() return pdu(HEADER) end)
        or learn_reply(stream, pinfo.number)
      one.frame, one.time = pinfo.number, time
      known[key] = one
    end
    local said = describe(code, by_sender, one)
    local item = tree:add(isend, pdu(), "isend: " .. said)
    item:add(fields.id, pdu(0, 2))
    item:add(fields.opcode, pdu(2, 1))
    item:add(fields.has_content, pdu(3, 1))
    item:add(fields.length, pdu(4, 2))
    if check(item, code, flag, length, by_sender) then
      is_over, stream.fault[side] = true, stream.fault[side] or pinfo.number
    end
    show(one, code, by_sender, pdu, item, time)
    if words[#words] ~= said then words[#words + 1] = said end
    return pdu:len()
  end)
  if #words > 0 then show_words(side .. ": ", table.concat(words, " / "), pinfo) end
  return buffer:len()
end

local function dissect_code(buffer, pinfo, tree)
  if buffer:len() ~= CODE_BYTES or buffer:raw(0, 4) ~= "isnd" then return 0 end
  local kind = buffer(4, 1):uint()
  local words = kind == 1 and "who has this code?" or "it is here"
  local item = tree:add(isend, buffer(), "isend: " .. words)
  item:add(fields.kind, buffer(4, 1))
  item:add(fields.port, buffer(5, 2))
  item:add(fields.nonce, buffer(7, 16))
  item:add(fields.mac, buffer(23, 16))
  pinfo.cols.protocol = "isend"
  pinfo.cols.info = words
  return CODE_BYTES
end

function isend.dissector(buffer, pinfo, tree)
  if pinfo.port_type == UDP then return dissect_code(buffer, pinfo, tree) end
  return dissect_tcp(buffer, pinfo, tree)
end

DissectorTable.get("tcp.port"):add(DEFAULT_PORT, isend)
DissectorTable.get("udp.port"):add(7770, isend)

local ports = DEFAULT_PORT
function isend.prefs_changed()
  if ports == isend.prefs.ports then return end
  DissectorTable.get("tcp.port"):remove(ports, isend)
  ports = isend.prefs.ports
  DissectorTable.get("tcp.port"):add(ports, isend)
end

-- Receivers on other ports are told by how every conversation begins.
isend:register_heuristic("tcp", function(buffer, pinfo, tree)
  if buffer:len() < HEADER or buffer(0, 2):uint() ~= 0 then return false end
  local code, flag, length = buffer(2, 1):uint(), buffer(3, 1):uint(), buffer(4, 2):uint()
  local plain = code == 0 and flag == 0 and length == 0
  local secret = code == 1 and flag == 1 and length >= 1 and length <= 256
  if not plain and not secret then return false end
  if plain and buffer:len() > HEADER and buffer:len() < 2 * HEADER then return false end
  pinfo.conversation = isend
  isend.dissector(buffer, pinfo, tree)
  return true
end)
