import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.Map;
import java.util.UUID;

import com.helger.phase2.crypto.IMICMatchingHandler;
import com.helger.phase2.exception.AS2Exception;
import com.helger.phase2.message.AS2Message;
import com.helger.phase2.message.IMessage;
import com.helger.phase2.params.MessageParameters;
import com.helger.phase2.partner.Partnership;
import com.helger.phase2.partner.xml.XMLPartnershipFactory;
import com.helger.phase2.processor.DefaultMessageProcessor;
import com.helger.phase2.processor.module.AbstractProcessorModule;
import com.helger.phase2.processor.receiver.AS2MDNReceiverModule;
import com.helger.phase2.processor.receiver.AS2ReceiverModule;
import com.helger.phase2.processor.receiver.AbstractActiveNetModule;
import com.helger.phase2.processor.receiver.net.AS2MDNReceiverHandler;
import com.helger.phase2.processor.sender.AS2SenderModule;
import com.helger.phase2.processor.sender.AsynchMDNSenderModule;
import com.helger.phase2.session.AS2Session;
import com.helger.security.keystore.EKeyStoreType;
import com.helger.typeconvert.collection.StringMap;

import jakarta.activation.DataHandler;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.util.ByteArrayDataSource;

/**
 * phase2 with its own modules, put together as its own server does. Called with its folder, the port for messages and
 * the port for receipts; the lines on standard input and output are those of tests/interop/peers/process.py.
 */
public class Phase2Peer {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final AS2Session SESSION = new AS2Session();

    public static void main(String[] call) throws Exception {
        Path home = Path.of(call[0]);
        com.helger.phase2.cert.CertificateFactory certificates = new com.helger.phase2.cert.CertificateFactory();
        certificates.initDynamicComponent(SESSION, new StringMap("type", EKeyStoreType.PKCS12.getID()));
        certificates.setFilename(home.resolve("keys.p12").toString());
        certificates.setPassword("interop");
        certificates.setSaveChangesToFile(false);
        certificates.load();
        try (InputStream pem = Files.newInputStream(home.resolve("gateway.pem"))) {
            certificates.addCertificate("gateway",
                (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(pem), true);
        }
        SESSION.setCertificateFactory(certificates);
        XMLPartnershipFactory partnerships = new XMLPartnershipFactory() {
            @Override
            public Partnership getPartnership(Partnership sought) throws AS2Exception {
                // By the AS2 names alone: of a receipt that comes by request no more is known.
                for (Partnership known : getAllPartnerships()) {
                    if (known.getSenderAS2ID().equals(sought.getSenderAS2ID())
                        && known.getReceiverAS2ID().equals(sought.getReceiverAS2ID())) {
                        return known;
                    }
                }
                return super.getPartnership(sought);
            }
        };
        partnerships.initDynamicComponent(SESSION, new StringMap("filename", home.resolve("partnerships.xml").toString()));
        partnerships.setDisableBackup(true);
        SESSION.setPartnershipFactory(partnerships);

        DefaultMessageProcessor processor = new DefaultMessageProcessor();
        processor.initDynamicComponent(SESSION, null);
        processor.setPendingMDNFolder(home.resolve("pending").toString());
        processor.setPendingMDNInfoFolder(home.resolve("pending-info").toString());
        SESSION.setMessageProcessor(processor);
        AS2SenderModule sender = new AS2SenderModule();
        sender.setMICMatchingHandler(new Mics());
        AsynchMDNSenderModule receiptSender = new AsynchMDNSenderModule();
        Events events = new Events();
        for (AbstractProcessorModule module : new AbstractProcessorModule[] {sender, receiptSender, events}) {
            module.initDynamicComponent(SESSION, null);
            processor.addModule(module);
        }
        listen(processor, new AS2ReceiverModule(), Integer.parseInt(call[1]));
        listen(processor, new AS2MDNReceiverModule() {
            @Override
            public AS2MDNReceiverHandler createHandler() {
                AS2MDNReceiverHandler handler = super.createHandler();
                handler.setMICMatchingHandler(new Mics());
                return handler;
            }
        }, Integer.parseInt(call[2]));
        processor.startActiveModules();
        tell("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            try {
                if (words[0].equals("settle")) {
                    tell("done", words[1], "", "sent", "");
                    continue;
                }
                send(words);
            } catch (Throwable fault) {
                tell("done", words[1], "", "failed", String.valueOf(fault));
            }
        }
        System.exit(0);
    }

    private static void listen(DefaultMessageProcessor processor, AbstractActiveNetModule module, int port)
            throws Exception {
        StringMap where = new StringMap("address", "127.0.0.1");
        where.putIn("port", port);
        module.initDynamicComponent(SESSION, where);
        processor.addModule(module);
    }

    /** send, number, file, filename, sender>receiver, then name=value for each attribute of the partnership. */
    private static void send(String[] words) throws Exception {
        Partnership agreed = new Partnership(words[1]);
        agreed.setSenderAS2ID(words[4].split(">")[0]);
        agreed.setSenderX509Alias("peer");
        agreed.setSenderEmail("edi@peer.example");
        agreed.setReceiverAS2ID(words[4].split(">")[1]);
        agreed.setReceiverX509Alias("gateway");
        AS2Message message = new AS2Message();
        message.setPartnership(agreed);
        for (int index = 5; index < words.length; index++) {
            agreed.setAttribute(words[index].split("=", 2)[0], words[index].split("=", 2)[1]);
        }
        String contentType = agreed.getAttribute("content_type");
        message.setContentType(contentType);
        message.setSubject("interop " + words[1]);
        message.attrs().putIn("filename", words[3]);
        MimeBodyPart part = new MimeBodyPart();
        part.setDataHandler(new DataHandler(new ByteArrayDataSource(Files.readAllBytes(Path.of(words[2])), contentType)));
        part.setHeader("Content-Type", contentType);
        part.setHeader("Content-Transfer-Encoding", "binary");
        part.setFileName(words[3]);
        message.setData(part);
        // Its own are a second and four digits, so that two of a run may be the same.
        message.setMessageID("<phase2-" + UUID.randomUUID() + "@peer.example>");
        // As when the file came by its own folder: it is looked for when an asynchronous receipt comes.
        String bare = message.getMessageID().replaceAll("[<>]", "");
        Files.copy(Path.of(words[2]), Path.of(SESSION.getMessageProcessor().getPendingMDNFolder(), bare));
        String told = "sent";
        String text = "";
        try {
            SESSION.getMessageProcessor().handle("send", message, null);
        } catch (AS2Exception fault) {
            told = "failed";
            text = fault + (fault.getCause() == null ? "" : " " + fault.getCause());
        }
        tell("done", words[1], message.getMessageID(), told, text);
    }

    private static synchronized void tell(String... words) {
        for (int index = 0; index < words.length; index++) {
            words[index] = words[index] == null ? "" : words[index].replaceAll("[\t\r\n]+", " ");
        }
        OUT.println(String.join("\t", words));
    }

    /** Tells whether the MIC of a receipt is the right one. */
    private static class Mics implements IMICMatchingHandler {
        @Override
        public void onMICMatch(IMessage message, String mic) {
            tell("state", message.getMessageID(), "mic-match", mic);
        }

        @Override
        public void onMICMismatch(IMessage message, String ours, String theirs) {
            tell("state", message.getMessageID(), "mic-mismatch", "computed " + ours + ", returned " + theirs);
        }
    }

    /** Tells of what is received and of each receipt. */
    private static class Events extends AbstractProcessorModule {
        @Override
        public boolean canHandle(String action, IMessage message, Map<String, Object> options) {
            return action.equals("store") || action.equals("storemdn");
        }

        @Override
        public void handle(String action, IMessage message, Map<String, Object> options) throws AS2Exception {
            if (action.equals("storemdn")) {
                tell("state", message.getMessageID(), "receipt", message.getMDN().attrs().getAsString("DISPOSITION"));
                return;
            }
            try (InputStream content = message.getData().getInputStream()) {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                new DigestInputStream(content, digest).transferTo(OutputStream.nullOutputStream());
                tell("received", message.getMessageID(), HexFormat.of().formatHex(digest.digest()),
                    new MessageParameters(message).getParameter("content-disposition.filename"));
            } catch (Exception fault) {
                tell("state", message.getMessageID(), "fault", String.valueOf(fault));
            }
        }
    }
}
