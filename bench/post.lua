local file = assert(io.open(os.getenv("BENCH_BODY_FILE")))
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
wrk.body = file:read("*a")
file:close()
