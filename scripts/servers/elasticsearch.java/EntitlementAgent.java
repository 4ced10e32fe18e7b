// SPDX-License-Identifier: Apache-2.0
import java.lang.instrument.Instrumentation;

/** Elasticsearch loads an agent into itself to enforce its entitlements; the agent's jar is not published. */
public final class EntitlementAgent {

    public static void agentmain(String initializer, Instrumentation instrumentation) throws Exception {
        Class.forName(initializer).getMethod("initialize", Instrumentation.class).invoke(null, instrumentation);
    }
}
