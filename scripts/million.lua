-- Asks one kind of question about random devices of a fleet: wrk … -s million.lua URL -- question token targets
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("own", threads)
end

local targets, headers, question = {}, {}, nil
function init(arguments)
  question = arguments[1]
  headers["X-Auth-Token"] = arguments[2]
  headers["Content-Type"] = "application/json"
  for line in io.lines(arguments[3]) do
    local account, device, mac, owner, name = line:match("(%S+) (%S+) (%S+) (%S+) (%S+)")
    table.insert(targets, { account = account, device = device, mac = mac, owner = owner, name = name })
  end
  math.randomseed(own)
end

local suffix = {
  id = function(t) return "/" .. t.device end,
  patch = function(t) return "/" .. t.device end,
  first_page = function() return "" end,
  next_page = function(t) return "?start_key=" .. t.device end,
  filter_mac = function(t) return "?filter_mac_address=" .. t.mac end,
  filter_owner = function(t) return "?filter_owner_id=" .. t.owner end,
  filter_name = function(t) return "?filter_name=" .. t.name end,
}

function request()
  local target = targets[math.random(#targets)]
  if question == "file" then return wrk.format("GET", "/" .. target.mac .. ".cfg") end
  local path = "/v2/accounts/" .. target.account .. "/devices" .. suffix[question](target)
  if question ~= "patch" then return wrk.format("GET", path, headers) end
  local body = '{"data":{"remark":"' .. math.random(1000000000) .. '"}}'
  return wrk.format("PATCH", path, headers, body)
end
