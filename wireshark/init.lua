-- Loads all dissectors of the project: tshark -X lua_script:wireshark/init.lua
local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
for _, name in ipairs({ "classroom", "isend", "lanshare", "relay", "sent" }) do
  assert(loadfile(here .. "dissectors/" .. name .. ".lua"))(...)
end
