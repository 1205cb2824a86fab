-- Loads all dissectors of the project: tshark -X lua_script:wireshark/init.lua
local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
for _, name in ipairs({ "classroom", "isend", "lanshare", "relay", "sent" }) do
  -- They may be among the personal plugins already.
  local found, dissector = pcall(Dissector.get, name)
  if not (found and dissector) then assert(loadfile(here .. "dissectors/" .. name .. ".lua"))(...) end
end
if (...) == "downloads" and not gui_enabled() then package.loaded["classroom downloads"]() end
