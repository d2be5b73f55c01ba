# What Rack reads.
require 'rack'

def hex(text) = text.b.unpack1('H*')

STDIN.each_line do |line|
  want, header = line.split.map { |field| [field[1..]].pack('H*') }
  name = want.sub(/\*+\z/, '')
  cookies = begin
    Rack::Request.new('HTTP_COOKIE' => header, 'REQUEST_METHOD' => 'GET').cookies
  rescue ArgumentError # bytes that Ruby does not take for text: the application answers 500
    {}
  end
  found = cookies.select { |k, _| k.b == name || want.end_with?('*') && k.b.start_with?(name) }
  puts found.map { |k, v| "#{hex(k)}=#{v.is_a?(String) ? hex(v) : 'other'}" }.join(' ')
end
