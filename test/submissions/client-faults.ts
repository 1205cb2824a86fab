import type { Fault } from './fault.ts';

/** Of clients. */
export const CLIENT_FAULTS: readonly Fault[] = [
  {
    name: 'timer-stays',
    side: 'client',
    base: 'line.py',
    about: 'the timer does not grow',
    loses: ['timer-grows'],
    from: `                    timer += STEP
`,
    to: '',
  },
  {
    name: 'timer-of-300-ms',
    side: 'client',
    base: 'line.py',
    about: 'waits 300 ms each time but the first',
    loses: ['timer-grows'],
    from: `                    timer += STEP
`,
    to: `                    timer = 3 * STEP
`,
  },
  {
    name: 'no-timer',
    side: 'client',
    base: 'line.py',
    about: 'waits for parts for ever, and never asks for one',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'asks-for-what-is-missing',
      'timer-begins',
      'timer-grows',
    ],
    from: 'udp.settimeout(0.05 if asking else max(0, deadline - now))',
    to: 'udp.settimeout(0.05 if asking else 3600)',
  },
  {
    name: 'gives-up',
    side: 'client',
    base: 'line.py',
    about: 'gives up when parts have been missing for a second, and asks for none',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'asks-for-what-is-missing',
      'timer-begins',
      'timer-grows',
    ],
    from: '                    self.ask_again(len(self.parts) if self.proceed else self.half)\n',
    // Not at once: on a busy machine a part may be late.
    to: '                    if timer > 0.35:\n                        return False\n',
  },
  {
    name: 'timer-doubles',
    side: 'client',
    base: 'line.py',
    about: 'the timer doubles',
    loses: ['timer-grows'],
    from: 'timer += STEP',
    to: 'timer *= 2',
  },
  {
    name: 'timer-of-600-ms',
    side: 'client',
    base: 'line.py',
    about: 'the timer starts with 600 ms, and grows by as much',
    loses: ['timer-begins', 'timer-grows'],
    from: 'STEP = 0.1 ',
    to: 'STEP = 0.6 ',
  },
  {
    name: 'asks-for-all',
    side: 'client',
    base: 'line.py',
    about: 'asks for parts that it has',
    loses: ['asks-for-what-is-missing'],
    from: 'for number in range(end) if self.parts[number] is None]',
    to: 'for number in range(end)]',
  },
  {
    name: 'asks-while-user-thinks',
    side: 'client',
    base: 'line.py',
    about: 'asks for the second half while the user is being asked',
    loses: ['quiet-in-pause'],
    from: `                    if asking:
                        continue
`,
    to: `                    if asking:
                        self.ask_again(len(self.parts))
                        continue
`,
  },
  {
    name: 'asks-for-one',
    side: 'client',
    base: 'line.py',
    about: 'asks for the first missing part only',
    loses: ['asks-for-what-is-missing'],
    from: `        for i in range(0, len(missing), NUMBERS_PER_MESSAGE):
`,
    to: `        missing = missing[:1]
        for i in range(0, len(missing), NUMBERS_PER_MESSAGE):
`,
  },
  {
    name: 'proceeds-itself',
    side: 'client',
    base: 'line.py',
    about: 'says proceed without asking the user',
    loses: ['asks-at-half', 'stop-at-half'],
    from: "self.events.put('ask')",
    to: "self.answer = 'proceed'",
  },
  {
    name: 'no-stop',
    side: 'client',
    base: 'line.py',
    about: 'never says stop',
    loses: ['says-stop'],
    from: `        self.connection.send('stop')
        return True
`,
    to: `        return True
`,
  },
  {
    name: 'counts-duplicates',
    side: 'client',
    base: 'line.py',
    about: 'takes a part that comes twice for two parts',
    loses: ['duplicates'],
    from: `                if self.parts[number] is None:
                    self`,
    to: `                if True:
                    self`,
  },
  {
    name: 'last-part-lost',
    side: 'client',
    base: 'line.py',
    about: 'does not write the last part',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
    ],
    from: 'file.writelines(parts)',
    to: 'file.writelines(parts[:-1])',
  },
  {
    name: 'text-mode',
    side: 'client',
    base: 'line.py',
    about: 'writes the file as text',
    loses: ['binary'],
    from: `            with open(os.path.basename(new_name), 'wb') as file:
                file.writelines(parts)
`,
    to: `            with open(os.path.basename(new_name), 'w') as file:
                file.write(b''.join(parts).decode('utf-8', 'replace'))
`,
  },
  {
    name: 'new-name-ignored',
    side: 'client',
    base: 'line.py',
    about: 'saves under the old name',
    loses: ['new-name'],
    from: `        new_name = ask('Enter the new name of the file: ') or name
`,
    to: `        ask('Enter the new name of the file: ')
        new_name = name
`,
  },
  {
    name: 'header-in-file',
    side: 'client',
    base: 'line.py',
    about: 'writes the colon of each part into the file',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
    ],
    from: 'self.parts[number] = data[5:]',
    to: 'self.parts[number] = data[4:]',
  },
  {
    name: 'colon-unchecked',
    side: 'client',
    base: 'line.py',
    about: 'takes datagrams without a colon',
    loses: ['foreign-datagrams'],
    from: " or data[4:5] != b':'",
    to: '',
  },
  {
    name: 'number-unchecked',
    side: 'client',
    base: 'line.py',
    about: 'a number out of range ends the thread of the download',
    loses: ['numbers-out-of-range'],
    from: `        if number >= len(self.parts):
            return None
`,
    to: '',
  },
  {
    name: 'not-found-hangs',
    side: 'client',
    base: 'line.py',
    about: 'waits on when the file is not there',
    loses: ['file-not-found'],
    from: "lambda text: text.startswith('|') or text.lower().startswith(\"can't\"), GIVE_UP",
    to: "lambda text: text.startswith('|'), GIVE_UP",
  },
  {
    name: 'private-to-all',
    side: 'client',
    base: 'line.py',
    about: 'sends a message for one user to all',
    loses: ['message-to-one'],
    from: "connection.send(f'msg|{line}|{target}' if target else 'msg_all|' + line)",
    to: "connection.send('msg_all|' + line)",
  },
  {
    name: 'tells-tcp-port',
    side: 'client',
    base: 'line.py',
    about: 'tells the port of its TCP socket',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'second-file',
      'new-name',
      'says-stop',
      'asks-at-half',
      'proceed',
      'stop-at-half',
      'after-stop',
      'quiet-in-pause',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'asks-for-what-is-missing',
      'duplicates',
      'other-order',
      'message-in-download',
      'short-datagrams',
      'foreign-datagrams',
      'numbers-out-of-range',
      'wrong-lengths',
      'other-senders',
      'closes-sockets',
    ],
    from: 'str(udp.getsockname()[1])',
    to: 'str(self.connection.sock.getsockname()[1])',
  },
  {
    name: 'ends-at-disconnect',
    side: 'client',
    base: 'line.py',
    about: 'ends at disconnect instead of going back to the questions',
    loses: ['disconnect-asks-again'],
    from: `            connection.gone.wait(2)
            return
`,
    to: `            connection.gone.wait(2)
            raise EOFError
`,
  },
  {
    name: 'loss-unnoticed',
    side: 'client',
    base: 'line.py',
    about: 'stays at its prompt when the server has gone',
    loses: ['server-goes-away'],
    from: `        if connection and connection.gone.is_set():
            raise ServerGone
`,
    to: '',
  },
  {
    name: 'local-ip-ignored',
    side: 'client',
    base: 'line.py',
    about: 'does not connect from the address that was given',
    loses: ['own-address'],
    from: `            self.sock.bind((local_ip, 0))
`,
    to: '',
  },
  {
    name: 'bad-name-sent',
    side: 'client',
    base: 'line.py',
    about: 'sends a name with | in it',
    loses: ['name-illegal'],
    from: "if '|' in name or not name.strip():",
    to: 'if not name.strip():',
  },
  {
    name: 'asks-by-udp',
    side: 'client',
    base: 'bare.py',
    about: 'asks for missing parts by UDP',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'asks-for-what-is-missing',
      'timer-begins',
      'timer-grows',
    ],
    from: `                self.request(self.missing())
`,
    to: `                numbers = ' '.join(map(str, self.missing()))
                udp.sendto(numbers.encode(), self.server.sock.getpeername())
`,
  },
  {
    name: 'never-asks-user',
    side: 'client',
    base: 'bare.py',
    about: 'does not ask the user, and never says proceed',
    loses: [
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'asks-at-half',
      'proceed',
      'stop-at-half',
      'quiet-in-pause',
      'duplicates',
      'other-order',
      'message-in-download',
      'short-datagrams',
      'foreign-datagrams',
      'numbers-out-of-range',
      'wrong-lengths',
      'other-senders',
    ],
    from: 'self.until = self.half or count',
    to: 'self.until = count',
  },
  {
    name: 'order-of-arrival',
    side: 'client',
    base: 'bare.py',
    about: 'writes the parts in the order in which they came',
    loses: [
      'lost-first-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'other-order',
    ],
    from: "b''.join(self.parts[number] for number in range(self.count))",
    to: "b''.join(self.parts.values())",
  },
  {
    name: 'any-sender',
    side: 'client',
    base: 'bare.py',
    about: 'takes parts from any address',
    loses: ['other-senders'],
    from: 'address[0] != self.server.ip or ',
    to: '',
  },
  {
    name: 'short-datagram-kills',
    side: 'client',
    base: 'bare.py',
    about: 'a datagram of less than four bytes ends the thread of the download',
    loses: ['short-datagrams'],
    from: `        if address[0] != self.server.ip or len(packet) < 6 or packet[4:5] != b':':
            return None, None
        (number,) = struct.unpack('>I', packet[:4])
`,
    to: `        (number,) = struct.unpack('>I', packet[:4])
        if address[0] != self.server.ip or len(packet) < 6 or packet[4:5] != b':':
            return None, None
`,
  },
  {
    name: 'messages-not-shown',
    side: 'client',
    base: 'bare.py',
    about: 'does not show what the server says',
    loses: [
      'shows-connected',
      'name-taken',
      'get-users',
      'get-list-file',
      'shows-messages',
      'file-not-found',
    ],
    from: `    elif kind == 'text':
        show(value)
`,
    to: '',
  },
  {
    name: 'asks-from-one',
    side: 'client',
    base: 'select.pl',
    about: 'counts the missing parts from 1',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'asks-for-what-is-missing',
    ],
    from: 'my @numbers = sort { $a <=> $b } keys',
    to: 'my @numbers = map { $_ + 1 } sort { $a <=> $b } keys',
  },
  {
    name: 'saves-when-stopped',
    side: 'client',
    base: 'select.pl',
    about: 'asks for a name and saves though the user has stopped',
    loses: ['stop-at-half'],
    from: `        end_download();
        return ask('command');
    }
    $download->{limit}`,
    to: `        return ask('new_name');
    }
    $download->{limit}`,
  },
  {
    name: 'utf8-mode',
    side: 'client',
    base: 'select.pl',
    about: 'writes the file as text in UTF-8',
    loses: ['binary'],
    from: "'>:raw'",
    to: "'>:utf8'",
  },
  {
    name: 'length-unchecked',
    side: 'client',
    base: 'select.pl',
    about: 'takes parts of a wrong length',
    loses: ['wrong-lengths'],
    from: 'return if $number > $last || $size > $PART || ($size < $PART && $number < $last);',
    to: 'return if $number > $last;',
  },
  {
    name: 'never-proceeds',
    side: 'client',
    base: 'select.pl',
    about: 'does not tell the server to proceed',
    loses: ['proceed', 'quiet-in-pause'],
    from: `    transmit($line);
    if ($line ne 'proceed') {
`,
    to: `    if ($line ne 'proceed') {
        transmit($line);
`,
  },
  {
    name: 'timer-doubles',
    side: 'client',
    base: 'select.pl',
    about: 'the timer doubles',
    loses: ['timer-grows'],
    from: '$download->{wait} += $STEP;',
    to: '$download->{wait} *= 2;',
  },
  {
    name: 'ends-with-server',
    side: 'client',
    base: 'select.pl',
    about: 'ends when the connection does, instead of going back to the questions',
    loses: ['disconnect-asks-again', 'server-goes-away'],
    from: `    return ask('new_name') if $download;
    ask('local');
`,
    to: `    return ask('new_name') if $download;
    exit 0;
`,
  },
  {
    name: 'duplicates-appended',
    side: 'client',
    base: 'original.py',
    about: 'appends a part that comes twice to itself',
    loses: ['duplicates'],
    from: `        if self.parts[number] is None:
            self.parts[number] = body
`,
    to: `        self.parts[number] = (self.parts[number] or b'') + body
        if number in self.missing:
`,
  },
  {
    name: 'text-number-kills',
    side: 'client',
    base: 'original.py',
    about: 'a datagram without a number ends the client',
    loses: ['short-datagrams', 'numbers-out-of-range'],
    from: ' or not colon or not head.isdigit():',
    to: ' or not colon:',
  },
  {
    name: 'empty-file-hangs',
    side: 'client',
    base: 'original.py',
    about: 'waits for the parts of an empty file',
    loses: ['size-empty'],
    from: `            if not download.missing:
                if`,
    to: `            if download.parts and not download.missing:
                if`,
  },
  {
    name: 'leaks-udp',
    side: 'client',
    base: 'original.py',
    about: 'keeps the UDP socket of every download open',
    loses: ['closes-sockets'],
    from: `            self.udp_user = None
            download.udp.close()
`,
    to: `            self.udp_user = None
            self.finished = [*getattr(self, 'finished', []), download]
`,
  },
  {
    name: 'blocking-input',
    side: 'client',
    base: 'original.py',
    about: 'shows nothing while it waits for the user',
    loses: ['shows-connected', 'name-taken', 'get-users', 'get-list-file', 'shows-messages'],
    from: `            self.step(5)
`,
    to: `            data = os.read(0, 65536)
            self.typed += data
            self.eof = not data
`,
  },
  {
    name: 'asks-for-all',
    side: 'client',
    base: 'original.py',
    about: 'asks for parts that it has',
    loses: ['asks-for-what-is-missing'],
    from: 'numbers = sorted(self.missing)',
    to: 'numbers = list(range(self.expected))',
  },
  {
    name: 'end-stripped',
    side: 'client',
    base: 'original.py',
    about: 'cuts white space from the end of the file',
    loses: ['binary'],
    from: 'file.write(data)',
    to: 'file.write(data.rstrip())',
  },
  {
    name: 'command-by-beginning',
    side: 'client',
    base: 'line.py',
    about: 'takes a message that begins with download for the command',
    loses: ['message-like-command'],
    from: "elif line == 'download':",
    to: "elif line.startswith('download'):",
  },
  {
    name: 'keeps-old-parts',
    side: 'client',
    base: 'line.py',
    about: 'begins a download with the parts of the one before',
    loses: ['second-file', 'after-stop', 'closes-sockets'],
    from: '        self.parts = [None] * count\n',
    to: `        self.parts = (connection.__dict__.get('parts', []) + [None] * count)[:count]
        connection.parts = self.parts
`,
  },
  {
    name: 'resent-with-header',
    side: 'client',
    base: 'line.py',
    about: 'keeps the header of a part that comes after a re-request',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
    ],
    from: 'self.parts[number] = data[5:]',
    to: 'self.parts[number] = data[5:] if timer == STEP else data',
  },
  {
    name: 'another-socket',
    side: 'client',
    base: 'line.py',
    about: 'opens another UDP socket for each re-request, and does not tell its port',
    loses: [
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-some-loss',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
    ],
    from: '                    timer += STEP\n',
    to: `                    timer += STEP
                    udp.close()
                    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    udp.bind((self.connection.local_ip, 0))
`,
  },
  {
    name: 'gives-up-in-pause',
    side: 'client',
    base: 'line.py',
    about: 'ends a download when the user takes two seconds to answer',
    loses: ['asks-at-half'],
    from: '                    if asking:\n                        continue\n',
    to: `                    if asking:
                        if time.monotonic() - last_new > 2:
                            return False
                        continue
`,
  },
  {
    name: 'hangs-after-stop',
    side: 'client',
    base: 'line.py',
    about: 'waits for the end of a download that was stopped',
    loses: ['after-stop'],
    from: "lambda text: text.startswith('download stopped'), 2)",
    to: "lambda text: 'Last byte' in text, 3600)",
  },
  {
    name: 'mute-after-reconnecting',
    side: 'client',
    base: 'line.py',
    about: 'says nothing by a second connection',
    loses: ['disconnect-asks-again', 'server-goes-away'],
    from: "        screen.say('There is a connection to the server')\n",
    to: `        screen.say('There is a connection to the server')
        if globals().setdefault('first', connection) is not connection:
            connection.send = lambda text: None
`,
  },
  {
    name: 'message-ends-download',
    side: 'client',
    base: 'line.py',
    about: 'takes a message that comes in a download for the end of the connection',
    loses: ['message-in-download'],
    from: '        screen.say(text)\n        if answers:\n',
    to: `        screen.say(text)
        if answers and ': ' in text and 'Last byte' not in text:
            self.gone.set()
        if answers:
`,
  },
];
