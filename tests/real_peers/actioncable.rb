# ActionCable of Rails on Puma: channels that confirm, reject and broadcast, a login by a parameter of the URL.
# It tells what it sees as JSON lines on stdout, takes orders on stdin, and ends with it, like peer.mjs.

require "json"
require "logger"
require "action_cable"
require "puma"
require "puma/events"
require "puma/server"

$stdout.sync = true
LOCK = Mutex.new

def tell(what, about = {})
  at_ms = Process.clock_gettime(Process::CLOCK_MONOTONIC) * 1000
  LOCK.synchronize { puts JSON.generate({ what: what, at_ms: at_ms }.merge(about)) }
end

module ApplicationCable
  class Connection < ActionCable::Connection::Base
    identified_by :user

    def connect
      is_known = request.params["token"] == "correct horse"
      tell("auth", ok: is_known)
      reject_unauthorized_connection unless is_known
      self.user = "joe"
      tell("connection", subprotocol: env["HTTP_SEC_WEBSOCKET_PROTOCOL"])
    end

    def disconnect
      tell("close")
    end

    def beat
      super
      tell("ping")
    end
  end

  class Channel < ActionCable::Channel::Base
  end
end

class NewsChannel < ApplicationCable::Channel
  def subscribed
    tell("subscribe", topic: params.to_json, room: params["room"])
    params["room"] == "closed" ? reject : stream_from("news")
  end

  def unsubscribed
    tell("unsubscribe", room: params["room"])
  end

  def shout(data)
    tell("perform", action: data["action"])
    transmit({ echo: data["x"] })
  end
end

config = ActionCable::Server::Configuration.new
config.cable = { "adapter" => "async" }
config.logger = Logger.new(nil)
config.disable_request_forgery_protection = true
config.connection_class = -> { ApplicationCable::Connection }
# With more it works on the commands of one connection in any order: what comes before a subscribe is done is dropped
config.worker_pool_size = 1
cable = ActionCable::Server::Base.new(config: config)

# Puma 5 logs to its events, Puma 6 to a writer of its own
events = Puma::Events.respond_to?(:null) ? Puma::Events.null : nil
options = { min_threads: 0, max_threads: 4 }
options[:log_writer] = Puma::LogWriter.null if defined?(Puma::LogWriter)
puma = Puma::Server.new(cable, events, options)
port = puma.add_tcp_listener("127.0.0.1", Integer(ARGV.fetch(0, "0"))).addr[1]
puma.run
tell("ready", port: port)

$stdin.each_line do |line|
  order = JSON.parse(line)
  case order["do"]
  when "broadcast" then cable.broadcast("news", { "n" => order["n"] })
  when "stop" then cable.restart
  end
end
exit!(0)
