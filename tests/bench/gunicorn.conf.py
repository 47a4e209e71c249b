loglevel = "warning"
timeout = 300
# Ignored by versions that know no control socket.
control_socket_disable = True
