// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Path;
import org.elasticsearch.bootstrap.ServerArgs;
import org.elasticsearch.common.io.stream.OutputStreamStreamOutput;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.Settings;

/** The server reads its arguments as bytes from standard input; its launcher, which is not published, writes them. */
public final class ArgumentsWriter {

    /** Arguments: home folder, logs folder, password of the user `elastic`. */
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        Path config = home.resolve("config");
        Path logs = Path.of(arguments[1]);
        Settings settings = Settings.builder()
            .loadFromPath(config.resolve("elasticsearch.yml"))
            .put("path.home", home)
            .build();
        KeyStoreWrapper secrets = KeyStoreWrapper.create();
        secrets.setString("bootstrap.password", arguments[2].toCharArray());
        boolean detached = true; // do not watch standard input for the word to stop
        boolean quiet = false;
        try (var out = new OutputStreamStreamOutput(System.out)) {
            new ServerArgs(detached, quiet, null, secrets, settings, config, logs).writeTo(out);
        }
    }
}
