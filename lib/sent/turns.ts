import type { OfferInput } from '../lan/offer.ts';
import type { RequestInput } from '../lan/request.ts';
import { type Message, SentError } from './messages.ts';

/** What a receiver's message means to the one who offers. @throws SentError `OUT_OF_TURN` */
export function answerOf(message: Message): OfferInput {
  switch (message.type) {
    case 'accept':
      return { type: 'accepted', offset: message.offset };
    case 'refuse':
      return { type: 'refused' };
    case 'received':
      return { type: 'verdict', problem: undefined };
    case 'failed':
      return { type: 'verdict', problem: message.reason };
    default:
      throw new SentError('OUT_OF_TURN', message.type);
  }
}

/** What an offering peer's message means to the receiver. @throws SentError `OUT_OF_TURN` */
export function offerOf(message: Message): RequestInput {
  switch (message.type) {
    case 'ask':
      return { type: 'asked', size: message.file.size };
    case 'file':
      return { type: 'begins', offset: message.offset };
    default:
      throw new SentError('OUT_OF_TURN', message.type);
  }
}
