-- The requests of wrk: one workload over many users, each with a separate token.
--
--   wrk … -s load.lua URL -- <workload> <seed> <folder of tokens>
--       <tasks to delete> <id of the first> <threads before these> <threads in all>
--
-- The rows follow rig/data.py: user u of U "busy" users owns the ids u, u + U,
-- u + 2U …, so that the generator computes an owner's id without a lookup.
-- There is no `response` function: wrk would have to pass every response to Lua. wrk
-- itself counts statuses above 399.

local PER_BUSY_USER = 100
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end


function init(args)
  local workload, seed, folder = args[1], tonumber(args[2]), args[3]
  -- Threads must not send the same sequence of requests.
  math.randomseed(seed * 64 + number)
  for _ = 1, 10 do math.random() end

  local busy = read_lines(folder .. "/busy")
  local twenty = read_lines(folder .. "/twenty")
  local new = read_lines(folder .. "/new")
  local random = math.random

  local tail = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
    .. "\r\nAuthorization: Bearer "
  local json = "\r\nContent-Type: application/json\r\nContent-Length: "
  local body = '{"title":"Buy oat milk on the way home",'
    .. '"description":"Two litres, the blue one, and ask whether the red one is back"}'
  local created = json .. #body .. "\r\n\r\n" .. body
  local done = json .. '18\r\n\r\n{"completed":true}'
  local undone = json .. '19\r\n\r\n{"completed":false}'

  local function owned()
    local user = random(#busy)
    return user + #busy * (random(PER_BUSY_USER) - 1), busy[user]
  end

  local function get()
    local id, token = owned()
    return "GET /api/tasks/" .. id .. tail .. token .. "\r\n\r\n"
  end
  local function list()
    return "GET /api/tasks" .. tail .. twenty[random(#twenty)] .. "\r\n\r\n"
  end
  local function create()
    return "POST /api/tasks" .. tail .. new[random(#new)] .. created
  end
  local function complete()
    local id, token = owned()
    return "PATCH /api/tasks/" .. id .. "/complete" .. tail .. token
      .. (random(2) == 1 and done or undone)
  end
  local function mixed()
    local dice = random(100)
    if dice <= 50 then return get() end
    if dice <= 80 then return list() end
    if dice <= 90 then return create() end
    return complete()
  end

  -- Each thread takes other tasks, in an order in which neighbours are far apart.
  local doomed, first = tonumber(args[4]), tonumber(args[5])
  local turn, threads_in_all = tonumber(args[6]) + number, tonumber(args[7])
  local function delete()
    local k = turn * 1000003 % doomed
    turn = turn + threads_in_all
    return "DELETE /api/tasks/" .. string.format("%d", first + k) .. tail
      .. new[k % #new + 1] .. "\r\n\r\n"
  end

  local change = '{"title":"Buy oat milk on the way back","priority":"high","tags":["errands"]}'
  local changed = json .. #change .. "\r\n\r\n" .. change
  local function patch()
    local id, token = owned()
    return "PATCH /api/tasks/" .. id .. tail .. token .. changed
  end
  -- A key is used once.
  local key, keys = "\r\nIdempotency-Key: " .. seed .. "-" .. os.time() .. "-" .. turn .. "-", 0
  local function keyed()
    keys = keys + 1
    return "POST /api/tasks" .. tail .. new[random(#new)] .. key .. keys .. created
  end
  -- Where the changes of some users end: nothing has changed since.
  local cursors = workload == "changes" and read_lines(folder .. "/cursors") or {}
  local function changes()
    local user = random(#cursors)
    return "GET /api/changes?since=" .. cursors[user] .. tail .. twenty[user] .. "\r\n\r\n"
  end

  local of = { get = get, list = list, create = create, complete = complete, delete = delete,
    mixed = mixed, patch = patch, keyed = keyed, changes = changes }
  request = of[workload]
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"seconds":%.6f,"bytes":%d,"p50":%.3f,"p99":%.3f,"max":%.3f,'
      .. '"failed_status":%d,"failed_socket":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
