-- The classroom protocol: chat over TCP, files as numbered UDP datagrams (lib/commands/PROTOCOL.md).
--
-- TCP is read first: it says which UDP ports belong to which download. What was learned of a frame when
-- it was seen for the first time is kept, since Wireshark comes back to frames in any order.

local classroom = Proto("classroom", "Classroom protocol")

local DEFAULT_PORTS = "55000-55015"
local DEFAULT_PART = 2043
local COLON, QUESTION_MARK = 0x3a, 0x3f
local NOTHING_YET = 0xffffffff
local FEEDBACK_HEADER, MAX_FEEDBACK = 28, 28 + 1024
local MAX_LISTED = 20

classroom.prefs.ports = Pref.range("TCP ports", DEFAULT_PORTS, "Where servers listen", 65535)

local fields = {
  message = ProtoField.string("classroom.message", "Message"),
  by = ProtoField.string("classroom.by", "Said by"),
  name = ProtoField.string("classroom.name", "Name"),
  target = ProtoField.string("classroom.target", "To"),
  text = ProtoField.string("classroom.text", "Text"),
  file = ProtoField.string("classroom.file", "File"),
  names = ProtoField.string("classroom.listed", "Listed"),
  error = ProtoField.string("classroom.error", "Refusal"),
  option = ProtoField.string("classroom.option", "Option"),
  parts = ProtoField.uint32("classroom.parts", "Parts of the file"),
  port = ProtoField.uint32("classroom.port", "UDP port of the client"),
  missing = ProtoField.uint32("classroom.missing", "Asked for again"),
  missing_count = ProtoField.uint32("classroom.missing.count", "Parts that are asked for again"),
  last_byte = ProtoField.string("classroom.last_byte", "Last byte"),
  reply_in = ProtoField.framenum("classroom.reply_in", "Answered in", base.NONE, frametype.RESPONSE),
  reply_to = ProtoField.framenum("classroom.reply_to", "Answer to", base.NONE, frametype.REQUEST),
  reply_time = ProtoField.relative_time("classroom.reply_time", "Time since then"),
  answered_by = ProtoField.framenum("classroom.answered_by", "Sent again in", base.NONE, frametype.RESPONSE),
  download = ProtoField.uint32("classroom.download", "Download"),
  absent = ProtoField.uint32("classroom.absent", "Part that is not in this capture"),
}

local data_fields = {
  seq = ProtoField.uint32("classroom.seq", "Sequence number"),
  part = ProtoField.string("classroom.part", "Part"),
  content = ProtoField.bytes("classroom.content", "Bytes of the file"),
  content_length = ProtoField.uint32("classroom.content.length", "Number of bytes"),
  file = ProtoField.string("classroom.data.file", "File"),
  download = ProtoField.uint32("classroom.data.download", "Download"),
  request = ProtoField.framenum("classroom.data.request", "Requested in", base.NONE, frametype.REQUEST),
  sending = ProtoField.uint32("classroom.sending", "Time that it is seen"),
  again = ProtoField.bool("classroom.retransmission", "Retransmission"),
  first = ProtoField.framenum("classroom.first", "Seen first in", base.NONE, frametype.RETRANS_PREV),
  asked_in = ProtoField.framenum("classroom.asked_in", "Asked for again in", base.NONE, frametype.REQUEST),
  asked_time = ProtoField.relative_time("classroom.asked_time", "Time since then"),
  key = ProtoField.uint32("classroom.feedback.key", "Key", base.HEX),
  proceed = ProtoField.bool("classroom.feedback.proceed", "Second half wanted", 8, nil, 0x01),
  credit = ProtoField.uint16("classroom.feedback.credit", "Credit in datagrams"),
  newest = ProtoField.uint32("classroom.feedback.newest", "Newest part"),
  held = ProtoField.uint32("classroom.feedback.held", "Held for (us)"),
  clock = ProtoField.uint32("classroom.feedback.clock", "Clock of the client (us)"),
  received = ProtoField.uint32("classroom.feedback.received", "Datagrams that counted"),
  base = ProtoField.uint32("classroom.feedback.base", "All parts below are there"),
  bitmap = ProtoField.bytes("classroom.feedback.bitmap", "Parts above"),
}

local experts = {
  refused = ProtoExpert.new("classroom.refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.NOTE),
  unknown = ProtoExpert.new("classroom.unknown", "No message of this protocol", expert.group.UNDECODED, expert.severity.NOTE),
  rerequest = ProtoExpert.new("classroom.rerequest", "Parts are asked for again", expert.group.SEQUENCE, expert.severity.NOTE),
  absent = ProtoExpert.new("classroom.incomplete", "Parts are missing in this capture", expert.group.SEQUENCE, expert.severity.WARN),
}

local data_experts = {
  again = ProtoExpert.new("classroom.data.retransmission", "A part that was asked for again", expert.group.SEQUENCE, expert.severity.NOTE),
  duplicate = ProtoExpert.new("classroom.data.duplicate", "A part that was there already", expert.group.SEQUENCE, expert.severity.NOTE),
  unasked = ProtoExpert.new("classroom.data.unasked", "Sent again, and nobody has asked for it", expert.group.SEQUENCE, expert.severity.WARN),
  disorder = ProtoExpert.new("classroom.data.out_of_order", "A part that was overtaken", expert.group.SEQUENCE, expert.severity.NOTE),
  early = ProtoExpert.new("classroom.data.early", "A part of the second half before 'proceed'", expert.group.SEQUENCE, expert.severity.WARN),
  range = ProtoExpert.new("classroom.data.range", "The file has no such part", expert.group.MALFORMED, expert.severity.ERROR),
}

local all_fields, all_experts = {}, {}
for _, list in ipairs({ fields, data_fields }) do
  for _, field in pairs(list) do all_fields[#all_fields + 1] = field end
end
for _, list in ipairs({ experts, data_experts }) do
  for _, one in pairs(list) do all_experts[#all_experts + 1] = one end
end
classroom.fields, classroom.experts = all_fields, all_experts

local tcp_stream = Field.new("tcp.stream")
local tcp_fin = Field.new("tcp.flags.fin")

-- What is known; made anew for each file that is opened.
local streams, messages, datagrams, listeners, downloads

function classroom.init()
  streams, messages, datagrams, listeners, downloads = {}, {}, {}, {}, {}
end

--------------------------------------------------------------------------------------------------
-- TCP

local function is_server_port(port)
  return port >= 55000 and port <= 55015
end

local function new_stream(pinfo)
  -- Whoever sends to a port of the document is the client; otherwise, whoever is seen first.
  local by_port = is_server_port(pinfo.src_port) and not is_server_port(pinfo.dst_port)
  return {
    server_port = by_port and pinfo.src_port or pinfo.dst_port,
    server = tostring(by_port and pinfo.src or pinfo.dst),
    client = tostring(by_port and pinfo.dst or pinfo.src),
    waiting = {},
  }
end

local function learn_port(stream, address, port)
  listeners[address .. " " .. port] = stream.download
  -- Other protocols may claim that port.
  DissectorTable.get("udp.port"):add(port, classroom)
end

local function begin_download(stream, frame, parts, options)
  local download = {
    number = #downloads + 1,
    file = stream.wanted or "?",
    parts = parts,
    part = tonumber(options.part) or DEFAULT_PART,
    size = tonumber(options.size),
    fast = options.fast == "1",
    request = stream.wanted_in or frame,
    seen = {}, asked = {}, bytes = 0, highest = -1, proceeded = parts < 2,
    retransmissions = 0, unneeded = 0, rerequests = 0, rerequested = 0,
  }
  downloads[#downloads + 1] = download
  stream.download = download
  local port = tonumber(options.port)
  if download.fast and port and port >= 1 and port <= 65535 then learn_port(stream, stream.server, port) end
  return download
end

local function options_of(text)
  local options = {}
  for key, value in text:gmatch("|([%w_]+)=([^|]*)") do options[key] = value end
  return options
end

local function numbers_of(text)
  local numbers = {}
  for digits in text:gmatch("%d+") do numbers[#numbers + 1] = tonumber(digits) end
  return numbers
end

-- What a client says. Returns what it is, in words, and what is to be shown of it.
local function read_client(stream, text, frame, time)
  local verb, rest = text:match("^([^|]*)|(.*)$")
  if verb == "connect" then
    stream.name = rest
    return { info = "connect as " .. rest, name = rest, expects = true }
  elseif verb == "msg_all" then
    return { info = "message to all", text = rest }
  elseif verb == "msg" then
    local data, target = rest:match("^(.*)|([^|]*)$")
    return { info = "message to " .. (target or "?"), text = data or rest, target = target }
  elseif verb == "download" then
    local file = rest:match("^(.-)|fast=") or rest
    stream.wanted, stream.wanted_in = file, frame
    return { info = "asks for " .. file, file = file, options = rest:sub(#file + 1), expects = true }
  elseif text == "get_users" or text == "get_list_file" then
    return { info = text == "get_users" and "who is there?" or "which files are there?", expects = true }
  elseif text == "disconnect" then
    return { info = "disconnect", expects = true }
  end
  local download = stream.download
  if text == "proceed" then
    if download then download.proceeded = true end
    return { info = "proceed" }
  elseif text == "stop" then
    local message = { info = "stop", expects = true }
    if download and download.proceeded then message.ends = download end
    return message
  end
  local port = text:match("^(%d+)$") or text:match("^[%x%.:]+|(%d+)$")
  if download and not download.port and port then
    download.ascii = text:find("|", 1, true) ~= nil
    download.port = tonumber(port)
    if download.port >= 1 and download.port <= 65535 then learn_port(stream, stream.client, download.port) end
    return { info = "listens on UDP port " .. port, port = download.port }
  elseif download and text:match("^[%d ]+$") then
    local numbers = numbers_of(text)
    download.rerequests = download.rerequests + 1
    download.rerequested = download.rerequested + #numbers
    local message = {
      info = string.format("re-request %d for %d part%s", download.rerequests, #numbers, #numbers == 1 and "" or "s"),
      missing = numbers, answers = {}, download = download,
    }
    for _, seq in ipairs(numbers) do download.asked[seq] = { frame = frame, time = time, message = message } end
    return message
  end
  return { info = text, unknown = true }
end

-- What a server says.
local function read_server(stream, text, frame)
  local parts = text:match("^|(%d+)")
  local digest = text:match("^|sha256=(%x+)")
  if digest then return { info = "SHA-256 of the file", options = text } end
  if parts then
    local options = text:sub(#parts + 2)
    local download = begin_download(stream, frame, tonumber(parts), options_of(options))
    return { info = string.format("%s has %s parts", download.file, parts), parts = tonumber(parts), options = options, replies = true, download = download }
  elseif text == "connected" or text == "disconnected" or text == "download stopped" or text == "server is closing" then
    return { info = text, replies = text ~= "server is closing" }
  end
  local name = text:match("^(.*) is connected$")
  if name then return { info = text, name = name } end
  name = text:match("^(.*) is disconnected$")
  if name then return { info = text, name = name } end
  local listed = text:match("^users: (%[.*%])$") or text:match("^files: (%[.*%])$")
  if listed then return { info = text, names = listed, replies = true } end
  local last = text:match("^User .* downloaded 100%% out of file%. Last byte is: (%w+)$")
  if last then return { info = "all of it was sent; its last byte is " .. last, last_byte = last, replies = true } end
  if text:match("^[Cc]an't ") or text:match("^Unknown command") or text == "message too long" then
    return { info = text, error = text, replies = true }
  end
  local who, said = text:match("^(.-) %(to all%): (.*)$")
  if who then return { info = who .. " says to all", name = who, text = said } end
  who, said = text:match("^(.-): (.*)$")
  if who then return { info = who .. " says", name = who, text = said } end
  return { info = text, unknown = true }
end

-- A request waits for its answer, each way one after the other.
local function link(stream, message)
  if message.expects then
    stream.waiting[#stream.waiting + 1] = message
  elseif message.replies and #stream.waiting > 0 then
    local request = table.remove(stream.waiting, 1)
    request.reply, message.request = message, request
  end
end

-- Parts that the capture does not have when the client says that it has all.
local function absent_parts(download)
  local absent = {}
  for seq = 0, download.parts - 1 do
    if not download.seen[seq] then absent[#absent + 1] = seq end
    if #absent == MAX_LISTED then break end
  end
  return absent
end

local function learn(stream, text, by_client, frame, time)
  local message = by_client and read_client(stream, text, frame, time) or read_server(stream, text, frame)
  message.frame, message.time, message.raw = frame, time, text
  message.by = by_client and (stream.name or "client") or "server"
  link(stream, message)
  if message.ends then message.absent = absent_parts(message.ends) end
  return message
end

local function show_message(message, range, tree)
  local item = tree:add(classroom, range, "Classroom: " .. message.info)
  item:add(fields.message, range, message.raw)
  item:add(fields.by, message.by):set_generated()
  for _, key in ipairs({ "name", "target", "text", "file", "names", "parts", "port", "last_byte" }) do
    if message[key] then item:add(fields[key], range, message[key]) end
  end
  for option in (message.options or ""):gmatch("[^|]+") do item:add(fields.option, range, option) end
  if message.download then item:add(fields.download, message.download.number):set_generated() end
  if message.error then item:add(fields.error, range, message.error):add_proto_expert_info(experts.refused) end
  if message.unknown then item:add_proto_expert_info(experts.unknown) end
  if message.missing then
    item:add(fields.missing_count, #message.missing):set_generated()
    for _, seq in ipairs(message.missing) do item:add(fields.missing, range, seq) end
    for _, frame in ipairs(message.answers) do item:add(fields.answered_by, frame):set_generated() end
    item:add_proto_expert_info(experts.rerequest, message.info)
  end
  if message.reply then item:add(fields.reply_in, message.reply.frame):set_generated() end
  if message.request then
    item:add(fields.reply_to, message.request.frame):set_generated()
    item:add(fields.reply_time, message.time - message.request.time):set_generated()
  end
  if message.absent and #message.absent > 0 then
    for _, seq in ipairs(message.absent) do item:add(fields.absent, seq):set_generated() end
    item:add_proto_expert_info(experts.absent)
  end
end

-- Where the messages of a segment are, in lines or, from a bare peer, all of it. The second result is where
-- one begins whose end has not come.
local function messages_in(stream, by_client, buffer, is_last)
  local bytes = buffer:bytes()
  local length = buffer:len()
  local has_end = bytes:len() > 0 and buffer:raw():find("\n", 1, true) ~= nil
  if stream.lines == nil and by_client then stream.lines = has_end end
  if stream.lines == false and by_client and has_end then stream.lines = true end
  if not stream.lines then return { { 0, length, length } } end
  local found, start, raw = {}, 0, buffer:raw()
  while start < length do
    local stop = raw:find("\n", start + 1, true)
    if not stop then
      if not is_last then return found, start end
      found[#found + 1] = { start, length - start, length }
      break
    end
    local text = stop - 1 - start
    if text > 0 and raw:byte(start + text) == 0x0d then text = text - 1 end
    found[#found + 1] = { start, text, stop }
    start = stop
  end
  return found
end

local function dissect_tcp(buffer, pinfo, tree)
  local id = tcp_stream().value
  local stream = streams[id] or new_stream(pinfo)
  streams[id] = stream
  local by_client = pinfo.dst_port == stream.server_port
  local fin = tcp_fin()
  local kept = messages[pinfo.number] or {}
  messages[pinfo.number] = kept
  -- The same bytes always have the same messages, however often they are looked at.
  local lines = kept.lines
  if lines == nil then
    local before = stream.lines
    local found, rest = messages_in(stream, by_client, buffer, fin and fin.value)
    if rest == 0 and #found == 0 then
      pinfo.desegment_offset, pinfo.desegment_len = 0, DESEGMENT_ONE_MORE_SEGMENT
      return buffer:len()
    end
    lines = stream.lines or (by_client and before) or false
  end
  kept.lines = lines
  local found, rest = messages_in({ lines = lines }, false, buffer, fin and fin.value)
  pinfo.cols.protocol = "classroom"
  local words = {}
  local subtree = tree
  for index, place in ipairs(found) do
    local start, length = place[1], place[2]
    local text = length > 0 and buffer:raw(start, length) or ""
    -- One frame may bring the end of one message and the whole of others.
    local key = index .. " " .. text
    local known = kept[key]
    if known == nil then
      local time = pinfo.abs_ts
      known = learn(stream, text, by_client, pinfo.number, NSTime.new(math.floor(time), math.floor(time % 1 * 1e9 + 0.5)))
      kept[key] = known
    end
    show_message(known, buffer(start, place[3] - start), subtree)
    words[#words + 1] = known.info
  end
  if #words > 0 then
    pinfo.cols.info = (by_client and (stream.name or "client") or "server") .. ": " .. table.concat(words, " / ")
  end
  if rest then pinfo.desegment_offset, pinfo.desegment_len = rest, DESEGMENT_ONE_MORE_SEGMENT end
  return buffer:len()
end

--------------------------------------------------------------------------------------------------
-- UDP

local function find_download(pinfo)
  return listeners[tostring(pinfo.dst) .. " " .. pinfo.dst_port], listeners[tostring(pinfo.src) .. " " .. pinfo.src_port]
end

-- The number of the part, and where the bytes of the file begin.
local function read_header(download, buffer)
  if download.ascii then
    local digits = buffer:raw(0, math.min(buffer:len(), 11)):match("^(%d+):")
    if digits then return tonumber(digits), #digits + 1 end
  end
  if buffer:len() >= 5 and buffer(4, 1):uint() == COLON then return buffer(0, 4):uint(), 5 end
end

local function learn_datagram(download, seq, length, frame, time)
  local part = { download = download, seq = seq, frame = frame, time = time, experts = {} }
  if seq >= download.parts then
    part.experts = { "range" }
    return part
  end
  local seen, asked = download.seen[seq], download.asked[seq]
  part.asked = asked
  if seen then
    part.first, part.sending = seen.frame, seen.sending + 1
    seen.sending = part.sending
  else
    part.sending = 1
    download.seen[seq] = { frame = frame, sending = 1 }
    download.bytes = download.bytes + length
  end
  if asked then
    part.again = true
    part.experts[#part.experts + 1] = "again"
    asked.message.answers[#asked.message.answers + 1] = frame
    download.asked[seq] = nil
    download.retransmissions = download.retransmissions + 1
  elseif seen then
    part.again = true
    part.experts[#part.experts + 1] = "duplicate"
    if not download.fast then part.experts[#part.experts + 1] = "unasked" end
    download.retransmissions = download.retransmissions + 1
  elseif seq < download.highest then
    part.experts[#part.experts + 1] = "disorder"
  end
  if seen then download.unneeded = download.unneeded + 1 end
  if not download.proceeded and seq >= math.floor(download.parts / 2) then
    part.experts[#part.experts + 1] = "early"
  else
    -- What comes too early has overtaken nobody.
    download.highest = math.max(download.highest, seq)
  end
  download.first_time = download.first_time or time
  download.last_time = time
  return part
end

local function show_part(part, header, buffer, pinfo, tree)
  local download = part.download
  local words = string.format("part %d of %d of %s", part.seq, download.parts, download.file)
  local item = tree:add(classroom, buffer(), "Classroom: " .. words)
  item:add(data_fields.seq, buffer(0, header - 1), part.seq)
  item:add(data_fields.part, buffer(0, header - 1), string.format("%d of %d", part.seq + 1, download.parts)):set_generated()
  if buffer:len() > header then item:add(data_fields.content, buffer(header)) end
  item:add(data_fields.content_length, buffer:len() - header):set_generated()
  item:add(data_fields.file, download.file):set_generated()
  item:add(data_fields.download, download.number):set_generated()
  item:add(data_fields.request, download.request):set_generated()
  item:add(data_fields.sending, part.sending or 0):set_generated()
  item:add(data_fields.again, part.again or false):set_generated()
  if part.first then item:add(data_fields.first, part.first):set_generated() end
  if part.asked then
    item:add(data_fields.asked_in, part.asked.frame):set_generated()
    item:add(data_fields.asked_time, part.time - part.asked.time):set_generated()
    words = words .. ", again"
  elseif part.again then
    words = words .. ", once more"
  end
  for _, name in ipairs(part.experts) do item:add_proto_expert_info(data_experts[name]) end
  pinfo.cols.info = words
end

local function show_feedback(download, buffer, pinfo, tree)
  local base = buffer(24, 4):uint()
  local item = tree:add(classroom, buffer(), string.format("Classroom: feedback, all parts below %d are there", base))
  item:add(data_fields.key, buffer(0, 4))
  item:add(data_fields.proceed, buffer(5, 1))
  item:add(data_fields.credit, buffer(6, 2))
  local newest = item:add(data_fields.newest, buffer(8, 4))
  if buffer(8, 4):uint() == NOTHING_YET then newest:append_text(" (nothing has come yet)") end
  item:add(data_fields.held, buffer(12, 4))
  item:add(data_fields.clock, buffer(16, 4))
  item:add(data_fields.received, buffer(20, 4))
  item:add(data_fields.base, buffer(24, 4))
  if buffer:len() > FEEDBACK_HEADER then item:add(data_fields.bitmap, buffer(FEEDBACK_HEADER)) end
  item:add(data_fields.file, download.file):set_generated()
  item:add(data_fields.download, download.number):set_generated()
  if buffer(5, 1):uint() % 2 == 1 then download.proceeded = true end
  pinfo.cols.info = string.format("feedback: all below %d of %d are there", base, download.parts)
end

local function dissect_udp(buffer, pinfo, tree)
  local to, from = find_download(pinfo)
  local download = to or from
  if not download then return 0 end
  local kept = datagrams[pinfo.number]
  local length = buffer:len()
  if length >= FEEDBACK_HEADER and length <= MAX_FEEDBACK and download.fast and buffer(4, 1):uint() == QUESTION_MARK then
    pinfo.cols.protocol = "classroom"
    show_feedback(download, buffer, pinfo, tree)
    return length
  end
  local seq, header
  if kept then
    seq, header = kept.seq, kept.header
  else
    seq, header = read_header(download, buffer)
    if not seq then return 0 end
    local time = pinfo.abs_ts
    kept = learn_datagram(download, seq, length - header, pinfo.number, NSTime.new(math.floor(time), math.floor(time % 1 * 1e9 + 0.5)))
    kept.header = header
    datagrams[pinfo.number] = kept
  end
  pinfo.cols.protocol = "classroom"
  show_part(kept, header, buffer, pinfo, tree)
  return length
end

--------------------------------------------------------------------------------------------------
-- Where it is found

local UDP = 3

function classroom.dissector(buffer, pinfo, tree)
  if pinfo.port_type == UDP then return dissect_udp(buffer, pinfo, tree) end
  return dissect_tcp(buffer, pinfo, tree)
end

DissectorTable.get("tcp.port"):add(DEFAULT_PORTS, classroom)

local ports = DEFAULT_PORTS
function classroom.prefs_changed()
  if ports == classroom.prefs.ports then return end
  DissectorTable.get("tcp.port"):remove(ports, classroom)
  ports = classroom.prefs.ports
  DissectorTable.get("tcp.port"):add(ports, classroom)
end

-- Servers on other ports are told by how every conversation begins.
classroom:register_heuristic("tcp", function(buffer, pinfo, tree)
  local start = buffer:raw(0, math.min(buffer:len(), 65))
  if not start:match("^connect|[^|%c]+$") and not start:match("^connect|[^|%c]+\r?\n") then return false end
  pinfo.conversation = classroom
  dissect_tcp(buffer, pinfo, tree)
  return true
end)

--------------------------------------------------------------------------------------------------
-- All downloads: Statistics -> Classroom downloads; tshark -q -X lua_script1:downloads

local COLUMNS = { "file", "parts", "there", "asked again", "sent again", "for nothing", "bytes", "seconds", "MB/s" }

local function count(list)
  local number = 0
  for _ in pairs(list) do number = number + 1 end
  return number
end

local function row_of(download)
  local seconds = 0
  if download.first_time then seconds = (download.last_time - download.first_time):tonumber() end
  return {
    download.file, download.parts, count(download.seen), download.rerequested, download.retransmissions,
    download.unneeded, download.bytes, string.format("%.6f", seconds),
    seconds > 0 and string.format("%.2f", download.bytes / seconds / 1e6) or "-",
  }
end

-- A line for each download, in columns.
local function report()
  local rows, widths = { COLUMNS }, {}
  for _, download in ipairs(downloads) do rows[#rows + 1] = row_of(download) end
  for _, row in ipairs(rows) do
    for column, value in ipairs(row) do widths[column] = math.max(widths[column] or 0, #tostring(value)) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for column, value in ipairs(row) do
      local cell = tostring(value):gsub("%c", "?")
      local space = string.rep(" ", widths[column] - #cell)
      -- Words to the left, numbers to the right.
      cells[column] = column == 1 and cell .. space or space .. cell
    end
    lines[#lines + 1] = table.concat(cells, "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

if gui_enabled() then
  register_menu("Classroom downloads", function()
    local window = TextWindow.new("Classroom downloads")
    window:set(report())
  end, MENU_STAT_UNSORTED)
end

-- For init.lua, wherever this was loaded from: scripts have no globals in common.
package.loaded["classroom downloads"] = function()
  local tap = Listener.new("frame", "classroom")
  function tap.draw() io.write(report()) end
end
