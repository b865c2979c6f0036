-- Repeats signed requests for wrk: a file of them, each as "<bytes>\n<raw HTTP request>", in turn. Prints one JSON line at the end.
local requests, turn = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    for bytes in file:lines() do
        requests[#requests + 1] = file:read(tonumber(bytes))
    end
    file:close()
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format('{"requests":%d,"us":%d,"failed":%d,"refused":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests, summary.duration,
        e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50), latency:percentile(99)))
end
