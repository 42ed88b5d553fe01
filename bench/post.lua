-- Asks for the bodies in the file, one a line, each in its turn.
local place, requests = 0, {}

function init()
  local headers = {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
  }
  for body in io.lines(os.getenv("BENCH_BODY_FILE")) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end
