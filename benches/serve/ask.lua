-- Questions for wrk, one JSON body a line in the file named by QUESTIONS; prints what came back as one JSON object.
local bodies = {}
for line in io.lines(os.getenv("QUESTIONS")) do bodies[#bodies + 1] = line end
local at = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
  at = at + 1
  return wrk.format(nil, "/api/search", nil, bodies[at % #bodies + 1])
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

answered, refused, other = 0, 0, 0
function response(status)
  if status == 200 then answered = answered + 1 elseif status == 503 then refused = refused + 1 else other = other + 1 end
end

function done(summary, latency)
  local a, r, o = 0, 0, 0
  for _, thread in ipairs(threads) do
    a, r, o = a + thread:get("answered"), r + thread:get("refused"), o + thread:get("other")
  end
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format('{"seconds":%.1f,"answered":%d,"refused":%d,"other":%d,"lost":%d,"p50_ms":%.1f,"p99_ms":%.1f,"max_ms":%.1f}',
    summary.duration / 1e6, a, r, o, lost, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
