# ~/.julia/config/startup.jl (Julia); the way back: remove this line
ENV["JULIA_PKG_SERVER"] = "{base}"
