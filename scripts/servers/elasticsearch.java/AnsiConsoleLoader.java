// SPDX-License-Identifier: Apache-2.0
package org.elasticsearch.io.ansi;

import java.util.function.Supplier;

/** The server looks for a coloured terminal by this class's name; the jar that has it is not published. */
public final class AnsiConsoleLoader implements Supplier<Object> {

    @Override
    public Object get() {
        return null; // there is no terminal
    }
}
