"""Send a mail to the server at a port of this host."""
import smtplib
import sys
from email.message import EmailMessage

message = EmailMessage()
message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "over SCTP"
message.set_content("line\n" * 2000)
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as server:
    server.send_message(message)
    print(server.noop()[0])
