# A small application on Rails' own session store: all of the session is in the cookie, encrypted, and every answer that has
# looked into it sets another. usage: app.rb PORT
require "securerandom"
require "action_controller/railtie"

PASSWORDS = { "alice" => "alice-pass-1", "bob" => "bob-pass-1" }.freeze

class Legacy < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.eager_load = true
  config.secret_key_base = SecureRandom.hex(64)
  config.session_store :cookie_store, key: "_legacy_session"
  config.hosts.clear
  config.logger = Logger.new($stderr, level: Logger::WARN)
  config.action_dispatch.show_exceptions = true
  config.consider_all_requests_local = false

  routes.append do
    root "pages#home"
    get "account", to: "pages#account"
    get "me", to: "pages#me"
    get "login", to: "pages#form"
    post "login", to: "pages#login"
    post "basket", to: "pages#add"
    post "logout", to: "pages#logout"
    get "goodbye", to: "pages#logout" # as a link, as older sites have it
  end
end

class PagesController < ActionController::Base
  protect_from_forgery with: :exception

  def home = page("Home")

  def account = session[:user] ? page("Account") : redirect_to("/login")

  # Who is signed in, for scripts of the pages.
  def me = render(json: { user: session[:user] && { id: session[:user] } })

  def form = page("Sign in")

  def login
    wanted = PASSWORDS[params[:user]]
    return page("Wrong password", :forbidden) unless wanted && wanted == params[:password]

    reset_session
    session[:user] = params[:user]
    redirect_to "/account"
  end

  def add
    return head(:forbidden) unless session[:user]

    session[:basket] = (session[:basket] || []) + [params[:thing].to_s.first(100)]
    redirect_to "/account"
  end

  def logout
    reset_session
    redirect_to "/"
  end

  private

  def page(title, status = :ok)
    user = session[:user] ? "Signed in as <b id=\"user\">#{ERB::Util.h(session[:user])}</b>" : "Not signed in"
    token = "<input type=\"hidden\" name=\"authenticity_token\" value=\"#{ERB::Util.h(form_authenticity_token)}\">"
    render status: status, html: "<!doctype html><title>#{title}</title><p>#{user}</p>#{token}<p id=\"basket\">#{(session[:basket] || []).size}</p>".html_safe
  end
end

Legacy.initialize!
require "rack/handler/puma"
Rack::Handler::Puma.run(Legacy, Host: "127.0.0.1", Port: ARGV.fetch(0).to_i, Silent: true, Threads: "1:4")
