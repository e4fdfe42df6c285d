# Capistrano's way for an app that is no Rails: releases, `current`, one virtual environment for all,
# and a reload. The repository is on the host itself, which is faster than any other place for it.
set :application, "hello"
set :repo_url, "/srv/peers/origin.git"
set :branch, "main"
set :deploy_to, "/srv/peers/capistrano"
set :keep_releases, 5

namespace :deploy do
  task :requirements do
    on roles(:app) do
      execute "/srv/peers/capistrano/venv/bin/pip", "--quiet", "--disable-pip-version-check",
              "install", "--no-index", "--find-links", "/srv/peers/wheels",
              "--requirement", release_path.join("requirements.txt")
    end
  end

  task :migrate do
    on roles(:app) do
      within release_path do
        execute "sudo", "-u", "peers", "env", "$(cat /srv/peers/capistrano/shared/env)",
                "/srv/peers/capistrano/venv/bin/flask", "--app", "hello", "db", "upgrade"
      end
    end
  end

  task :reload do
    on roles(:app) do
      execute "systemctl", "reload-or-restart", "peers-capistrano"
    end
  end

  after :updated, :requirements
  after :updated, :migrate
  after :published, :reload
end
