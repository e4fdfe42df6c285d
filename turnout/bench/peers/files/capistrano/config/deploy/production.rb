server "127.0.0.1", user: "root", roles: %w[app], ssh_options: {
  port: @PORT@, keys: ["@KEY@"], keys_only: true, config: false, auth_methods: %w[publickey],
  user_known_hosts_file: "@KNOWN_HOSTS@", global_known_hosts_file: "/dev/null"
}
