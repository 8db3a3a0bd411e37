import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;

import javax.activation.CommandMap;
import javax.activation.MailcapCommandMap;

import org.openas2.XMLSession;
import org.openas2.message.AS2Message;
import org.openas2.message.Message;
import org.openas2.partner.Partnership;
import org.openas2.processor.BaseProcessorModule;
import org.openas2.processor.receiver.MessageBuilderModule;
import org.openas2.processor.storage.StorageModule;

/**
 * OpenAS2 as it comes, with the config.xml in the first argument. It is told on standard input what to send, and tells
 * on standard output what became of everything: see tests/interop/peers/process.py for the lines.
 */
public class OpenAs2Peer {
    private static PrintStream out;
    private static Outbox outbox;

    public static void main(String[] call) throws Exception {
        out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // the product's console log
        XMLSession session = new XMLSession(call[0]);
        // Of the activation frameworks among its jars the first one wins, and that may not look into its mail library.
        ((MailcapCommandMap) CommandMap.getDefaultCommandMap())
            .addMailcap("multipart/*;; x-java-content-handler=com.sun.mail.handlers.multipart_mixed");
        session.start();
        tell("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            try {
                if (words[0].equals("settle")) {
                    tell("done", words[1], "", "sent", "");
                    continue;
                }
                send(session, words);
            } catch (Throwable fault) {
                tell("done", words[1], "", "failed", String.valueOf(fault));
            }
        }
        System.exit(0);
    }

    /** send, number, file, filename, partnership, then name=value for each attribute of the partnership. */
    private static void send(XMLSession session, String[] words) throws Exception {
        Partnership agreed = new Partnership();
        agreed.setSenderID(Partnership.PID_AS2, words[4].split(">")[0]);
        agreed.setReceiverID(Partnership.PID_AS2, words[4].split(">")[1]);
        for (Partnership known : session.getPartnershipFactory().getPartnerships()) {
            if (known.matches(agreed)) {
                known.getAttributes().clear();
                for (int index = 5; index < words.length; index++) {
                    known.setAttribute(words[index].split("=", 2)[0], words[index].split("=", 2)[1]);
                }
            }
        }
        Message message = outbox.send(words[4], Files.readAllBytes(Path.of(words[2])), words[3]);
        String state = String.valueOf(message.getOption("STATE"));
        tell("done", words[1], message.getMessageID(), "sent", state + " " + message.getLogMsg());
    }

    private static synchronized void tell(String... words) {
        for (int index = 0; index < words.length; index++) {
            words[index] = words[index] == null ? "" : words[index].replaceAll("[\t\r\n]+", " ");
        }
        out.println(String.join("\t", words));
    }

    /** What the product does with a file from one of its folders, without waiting for it to look there. */
    public static class Outbox extends MessageBuilderModule {
        public Outbox() {
            outbox = this;
        }

        Message send(String between, byte[] content, String filename) throws Exception {
            getParameters().put(PARAM_DEFAULTS,
                "sender.as2_id=" + between.split(">")[0] + ", receiver.as2_id=" + between.split(">")[1]);
            return processDocument(new ByteArrayInputStream(content), filename);
        }

        @Override
        protected Message createMessage() {
            return new AS2Message();
        }

        @Override
        public void doStart() {}

        @Override
        public void doStop() {}

        @Override
        public boolean canHandle(String action, Message message, Map<Object, Object> options) {
            return false;
        }

        @Override
        public void handle(String action, Message message, Map<Object, Object> options) {}

        @Override
        public boolean healthcheck(java.util.List<String> failures) {
            return true;
        }
    }

    /** Tells of what is received and of each state that a message comes to. */
    public static class Events extends BaseProcessorModule {
        @Override
        public boolean canHandle(String action, Message message, Map<Object, Object> options) {
            return action.equals("track_msg") || action.equals(StorageModule.DO_STORE);
        }

        @Override
        public void handle(String action, Message message, Map<Object, Object> options) {
            try {
                if (action.equals(StorageModule.DO_STORE)) {
                    MessageDigest digest = MessageDigest.getInstance("SHA-256");
                    try (InputStream content = message.getData().getInputStream()) {
                        new DigestInputStream(content, digest).transferTo(java.io.OutputStream.nullOutputStream());
                    }
                    tell("received", message.getMessageID(), HexFormat.of().formatHex(digest.digest()),
                        message.getPayloadFilename());
                } else {
                    tell("state", message.getMessageID(), String.valueOf(message.getOption("STATE")),
                        message.getLogMsg());
                }
            } catch (Exception fault) {
                tell("state", message.getMessageID(), "fault", String.valueOf(fault));
            }
        }
    }
}
